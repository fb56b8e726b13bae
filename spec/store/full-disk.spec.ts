import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { skipUnless } from '../support/requirement.js'

const run = promisify(execFile)
const module = (name: string) => JSON.stringify(new URL(`../../src/store/${name}.js`, import.meta.url).href)

/** Writes until it is refused, then asks whether all else goes on. The process ends by itself, or by what nobody handled. */
const program = (folder: string) => `
  const { openStore } = await import(${module('open-store')})
  const store = await openStore(${JSON.stringify(folder)}, { warn: () => {} })
  await store.transact(to => to.put('letters', 'kept', Buffer.from('x')))
  let first = 1
  let refused
  while (refused === undefined && first < 1000) {
    const ten = Array.from({ length: 10 }, () => {
      const bytes = Buffer.alloc(50_000, 7)
      return store.transact(to => to.append({ log: 1, first: first++, count: 1, writtenAt: 1, bytes }))
    })
    for (const outcome of await Promise.allSettled(ten)) refused ??= outcome.reason
  }
  await new Promise(resolve => setTimeout(resolve, 50))
  const kept = [...store.scan(1, 0)].length
  for (const chunk of [...store.scan(1, 0)]) await store.transact(to => to.trim(1, chunk.first)).catch(() => {})
  const again = await store.transact(to => to.put('letters', 'after', Buffer.from('x'))).then(() => 'taken', error => error.code)
  console.log(JSON.stringify({ code: refused?.code, text: refused?.message, kept, again }))
  await store.close()`

describe('a store whose disk takes no more', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('refuses with a typed error, ends no process, and takes more when there is room', async function () {
    skipUnless(this, process.platform !== 'win32', 'not on Windows')
    // A limit on the size of files stands for a disk that is full in spite of the floor.
    const { stdout } = await run('bash', [
      '-c',
      'ulimit -f 4000; exec "$0" --input-type=module -e "$1"',
      process.execPath,
      program(folder),
    ])
    const said = JSON.parse(stdout) as { code: string; text: string; kept: number; again: string }
    expect(said).to.include({ code: 'MSGVAN_STORE', again: 'taken' })
    expect(said.kept).to.be.greaterThan(10)
  })

  it('refuses before lmdb finds out that the disk became read-only, and takes more when it is writable again', async function () {
    skipUnless(this, process.platform !== 'win32', 'not on Windows')
    const readOnly = `
      const { chmodSync } = await import('node:fs')
      const { openStore } = await import(${module('open-store')})
      const folder = ${JSON.stringify(folder)}
      if (process.getuid() === 0) process.setuid(65534) // root may write everywhere
      const store = await openStore(folder, { warn: () => {}, floor: 0 })
      const put = key => store.transact(to => to.put('letters', key, Buffer.alloc(20_000))).then(() => 'taken', error => error.code)
      const said = [await put('a')]
      chmodSync(folder + '/data.mdb', 0o444)
      for (let times = 0; times < 20; times += 1) said.push(await put('b' + times))
      chmodSync(folder + '/data.mdb', 0o644)
      said.push(await put('c'))
      console.log(JSON.stringify({ said: [...new Set(said)], kept: [...store.records('letters')].map(([key]) => key) }))
      await store.close()`
    if (process.getuid?.() === 0) await chown(folder, 65534, 65534)
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', readOnly])
    expect(JSON.parse(stdout)).to.deep.equal({ said: ['taken', 'MSGVAN_STORE'], kept: ['a', 'c'] })
  })
})
