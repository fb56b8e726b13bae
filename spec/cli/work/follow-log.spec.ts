import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { followLog } from '../../../src/cli/work/follow-log.js'
import { openHostLog } from '../../../src/host/process/logs.js'

describe('following a log', () => {
  let folder: string
  let path: string
  let stop: AbortController

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'msgvan-spec-'))
    path = join(folder, 'host.log')
    stop = new AbortController()
  })
  afterEach(() => {
    stop.abort()
    rmSync(folder, { recursive: true })
  })

  async function all(): Promise<string[]> {
    const lines: string[] = []
    for await (const lot of followLog(path, { follow: false, signal: stop.signal })) lines.push(...lot)
    return lines
  }

  /** Reads on while something else happens, until so many lines have come. */
  function follow(): { readonly has: (count: number) => Promise<string[]>; readonly done: Promise<void> } {
    const lines: string[] = []
    let wake: () => void = () => undefined
    const done = (async () => {
      for await (const lot of followLog(path, { follow: true, signal: stop.signal })) {
        lines.push(...lot)
        wake()
      }
    })()
    return {
      done,
      has: async count => {
        while (lines.length < count) await new Promise<void>(resolve => (wake = resolve))
        return lines
      },
    }
  }

  it('shows the existing lines without follow, the rotated file first, and ends', async () => {
    expect(await all()).to.deep.equal([])
    writeFileSync(`${path}.1`, 'a\nb\n')
    writeFileSync(path, 'c\nd')
    expect(await all()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('waits for a file that is not there yet', async () => {
    const { has, done } = follow()
    writeFileSync(path, 'first\n')
    expect(await has(1)).to.deep.equal(['first'])
    stop.abort()
    await done
  })

  it('gives whole lines only, as they come', async () => {
    writeFileSync(path, 'a\nhal')
    const { has, done } = follow()
    expect(await has(1)).to.deep.equal(['a'])
    appendFileSync(path, 'f\nlast\n')
    expect(await has(3)).to.deep.equal(['a', 'half', 'last'])
    stop.abort()
    await done
  })

  it('loses nothing in rotations, however fast they come', async () => {
    const { has, done } = follow()
    const log = openHostLog(path, { maxBytes: 400 })
    const texts = Array.from({ length: 60 }, (_, i) => `line ${i}`)
    for (const [i, text] of texts.entries()) {
      log.write('h', 'out', text)
      await new Promise(resolve => setImmediate(resolve))
      // It keeps two files: a reader that is more than one behind has lost them. So is this the pace.
      if (i % 5 === 4) await has(i + 1)
    }
    log.close()
    expect((await has(60)).map(line => line.split(' out ')[1])).to.deep.equal(texts)
    stop.abort()
    await done
  })

  it('finds its way when it was rotated twice between two looks', async () => {
    writeFileSync(path, '1\n')
    const { has, done } = follow()
    await has(1)
    appendFileSync(path, '2\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, '3\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, '4\n')
    expect(await has(4)).to.deep.equal(['1', '2', '3', '4'])
    stop.abort()
    await done
  })

  it('begins anew when the file is emptied', async () => {
    writeFileSync(path, 'a long line\n')
    const { has, done } = follow()
    await has(1)
    truncateSync(path)
    appendFileSync(path, 'new\n')
    expect(await has(2)).to.deep.equal(['a long line', 'new'])
    stop.abort()
    await done
  })
})
