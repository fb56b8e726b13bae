import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { formatLine, openHostLog, parseLine, type LogLine } from '../../../src/host/process/logs.js'

describe("the host's log", () => {
  let folder: string
  let path: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'msgvan-spec-'))
    path = join(folder, 'host.log')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const read = (file = path): (LogLine | undefined)[] =>
    readFileSync(file, 'utf8').split('\n').slice(0, -1).map(parseLine)

  it('holds a line for each, with time, name and stream, in a file that only this user can read', () => {
    const log = openHostLog(path)
    log.write('print', 'out', 'Handler got 1')
    log.write('two words', 'err', '')
    log.close()
    const [first, second] = read()
    expect(first).to.include({ name: 'print', stream: 'out', text: 'Handler got 1' })
    expect(Math.abs(Date.parse(first?.time ?? '') - Date.now())).to.be.lessThan(60_000)
    expect(second).to.include({ name: 'two words', stream: 'err', text: '' })
    expect(statSync(path).mode & 0o777).to.equal(0o600)
  })

  it('goes on where the host before it ended', () => {
    for (const text of ['before', 'after']) {
      const log = openHostLog(path)
      log.write('h', 'out', text)
      log.close()
    }
    expect(read().map(line => line?.text)).to.deep.equal(['before', 'after'])
  })

  it('is written at the end of the turn, not only at the end', async () => {
    const log = openHostLog(path)
    log.write('h', 'out', 'now')
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
    expect(read()).to.have.length(1)
    log.close()
    log.write('h', 'out', 'late')
    expect(read()).to.have.length(1)
  })

  it('is rotated: never over its limit, nothing lost between the two files', async () => {
    const log = openHostLog(path, { maxBytes: 1000 })
    const texts = Array.from({ length: 30 }, (_, i) => `line ${i}`)
    for (const text of texts) {
      log.write('h', 'out', text)
      await new Promise(resolve => setImmediate(resolve))
    }
    log.close()
    const kept = [...read(`${path}.1`), ...read()].map(line => line?.text)
    expect(kept.length).to.be.lessThan(texts.length + 1)
    expect(kept).to.deep.equal(texts.slice(-kept.length))
    for (const file of [path, `${path}.1`]) expect(statSync(file).size).to.be.at.most(1000)
  })

  it('cuts a text that is far too long and marks the cut', () => {
    const log = openHostLog(path)
    log.write('h', 'out', 'x'.repeat(100_000))
    log.close()
    expect(read()[0]?.text).to.match(/^x{65536} … \(34464 more characters\)$/)
  })

  it('says once that it cannot be written, and throws nothing', async () => {
    const errors: unknown[] = []
    const log = openHostLog(path, { maxBytes: 100, onError: error => errors.push(error) })
    rmSync(folder, { recursive: true })
    for (let i = 0; i < 5; i++) {
      log.write('h', 'out', 'x'.repeat(50))
      await new Promise(resolve => setImmediate(resolve))
    }
    log.close()
    mkdirSync(folder)
    expect(errors).to.have.length(1)
  })

  it('echoes lines', () => {
    const echoed: string[] = []
    const log = openHostLog(path, { echo: line => echoed.push(line.text) })
    log.write('h', 'out', 'seen')
    log.close()
    expect(echoed).to.deep.equal(['seen'])
  })

  it('reads back any name and any one-line text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' }), (name, raw) => {
        const text = raw.replace(/[\r\n]/g, '')
        const line: LogLine = { time: '2026-01-02T03:04:05.678Z', name, stream: 'err', text }
        expect(parseLine(formatLine(line))).to.deep.equal(line)
      }),
    )
  })

  it('stays one line whatever is written', () => {
    const line = formatLine({ time: 't', name: 'a\nb', stream: 'out', text: 'c\r\nd\ne' })
    expect(line).to.equal('t a%0Ab out c d e')
  })
})
