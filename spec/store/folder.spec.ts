import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { open as lmdb } from 'lmdb'
import { compactStore } from '../../src/store/compact.js'
import { probe } from '../../src/store/probe.js'
import { openStore } from '../../src/store/open-store.js'
import { PageFile } from '../../src/store/page-file.js'
import { seal } from '../../src/store/sealed-record.js'
import { FORMAT } from '../../src/store/store.js'
import { readSnapshot } from '../../src/store/snapshot.js'
import { Sandbox } from '../support/sandbox.js'
import { rejection } from '../support/rejection.js'
import { skipUnless } from '../support/requirement.js'

const run = promisify(execFile)
const piece = (first: number, bytes = 20_000) => ({
  log: 1,
  first,
  count: 1,
  writtenAt: 1,
  bytes: Buffer.alloc(bytes, first % 251),
})

describe("a store's folder", () => {
  let folder: string
  let said: string[]
  const openIt = () => openStore(folder, { warn: text => said.push(text) })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
    said = []
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is refused, and left as it is, with a folder in the place of its data', async () => {
    await mkdir(join(folder, 'data.mdb'))
    const error = await rejection(openIt())
    expect(error).to.include({ code: 'MSGVAN_STORE' })
    expect(String(error)).to.include('data.mdb in it is not a file')
    expect(await readdir(folder)).to.include('data.mdb')
  })

  describe('beside other users', () => {
    before(function () {
      skipUnless(this, process.getuid !== undefined, 'this system has no users as POSIX has them')
    })

    it('has files for this user alone, also where they were made otherwise', async () => {
      await chmod(folder, 0o755)
      const first = await openIt()
      await first.close()
      const modes = async (): Promise<string[]> => {
        const names = (await readdir(folder)).filter(name => name !== 'pieces').sort()
        return Promise.all(
          names.map(async name => `${name} ${((await stat(join(folder, name))).mode & 0o777).toString(8)}`),
        )
      }
      expect(await modes()).to.deep.equal(['data.mdb 600', 'lock.key 600', 'lock.mdb 600'])
      for (const name of await readdir(folder)) await chmod(join(folder, name), 0o644)
      const again = await openIt()
      await again.close()
      expect(await modes()).to.deep.equal(['data.mdb 600', 'lock.key 600', 'lock.mdb 600'])
      expect(said.filter(text => text.includes('others can list'))).to.have.length(2)
    })

    it('leaves other files unchanged', async () => {
      const [program, inner] = [join(folder, 'program'), join(folder, 'inner')]
      await mkdir(inner)
      await chmod(inner, 0o755)
      for (const path of [program, join(inner, 'program')]) {
        await writeFile(path, '')
        await chmod(path, 0o755)
      }
      await mkdir(join(folder, 'damaged-1'))
      await writeFile(join(folder, 'damaged-1', 'data.mdb'), '', { mode: 0o644 })
      const store = await openIt()
      await store.close()
      const modes = async (...paths: string[]) =>
        Promise.all(paths.map(async path => (await stat(path)).mode & 0o777))
      expect(await modes(program, inner, join(inner, 'program'))).to.deep.equal([0o755, 0o755, 0o755])
      expect(await modes(join(folder, 'damaged-1', 'data.mdb'))).to.deep.equal([0o600])
    })

    it('is refused if its key is not whole, and not locked under another name', async () => {
      const first = await openIt()
      await truncate(join(folder, 'lock.key'), 5)
      const error = await rejection(openIt())
      expect(error).to.include({ code: 'MSGVAN_STORE' })
      expect(String(error)).to.include('lock.key')
      await first.close()
    })

    it('is refused if its key cannot be made, and not locked without one', async () => {
      // In its place stands what is no file, as on a disk that fails.
      await mkdir(join(folder, 'lock.key'))
      expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE' })
    })

    it('is refused with advice if others may write to it', async () => {
      await chmod(folder, 0o777)
      const error = await rejection(openIt())
      expect(error).to.include({ code: 'MSGVAN_STORE' })
      expect(String(error)).to.include(`chmod 700 ${folder}`)
      await chmod(folder, 0o700)
      const store = await openIt()
      await store.close()
      expect(said).to.deep.equal([])
    })

    it('is locked under a name that those who can only look at it cannot make', async function () {
      skipUnless(this, process.platform === 'linux', 'only Linux has sockets without a file')
      const { dev, ino } = await stat(folder)
      const guess = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)
      const squatter = createServer(socket => socket.destroy())
      squatter.listen(`\0msgvan-store-${guess}`)
      await once(squatter, 'listening')
      try {
        const store = await openIt()
        expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE_IN_USE' })
        await store.close()
      } finally {
        squatter.close()
        await once(squatter, 'close')
      }
    })
  })

  const withFile = <T>(look: (file: PageFile) => T): T => {
    const file = new PageFile(join(folder, 'data.mdb'))
    try {
      return look(file)
    } finally {
      file.close()
    }
  }
  const filled = async (bytes?: number) => {
    const store = await openIt()
    await store.transact(to => {
      to.put('logs', '1', Buffer.from('van'))
      for (let first = 1; first <= 50; first += 1) to.append(piece(first, bytes))
    })
    return store
  }

  it('gives the next process that opens it all that was written', async () => {
    await (await filled()).close()
    const store = await openIt()
    expect([...store.scan(1, 0)]).to.have.lengthOf(50)
    await store.close()
    expect(said).to.deep.equal([])
  })

  it('belongs to one at a time', async () => {
    const store = await openIt()
    expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE_IN_USE' })
    expect(await rejection(compactStore(folder))).to.include({ code: 'MSGVAN_STORE_IN_USE' })
    await store.close()
    await (await openIt()).close()
  })

  it('is refused, and left as it is, in a newer format', async () => {
    const store = await openIt()
    await store.transact(to => to.put('meta', 'format', Buffer.from('999')))
    await store.close()
    expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE_FORMAT' })
    expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE_FORMAT' })
    expect(said).to.deep.equal([])
    expect(await rejection(compactStore(folder))).to.include({ code: 'MSGVAN_STORE_FORMAT' })
  })

  it('becomes one of this format from the format before', async () => {
    await (await openIt()).close()
    // As it was: records without checksums.
    const env = lmdb({ path: folder, noSubdir: false, maxDbs: 20 })
    const table = (name: string) => env.openDB<Buffer, string>({ name, encoding: 'binary' })
    await table('logs').put('1', Buffer.from('van'))
    await table('meta').put('format', Buffer.from('1'))
    await env.close()
    for (let times = 0; times < 2; times += 1) {
      const store = await openIt()
      expect([...store.records('logs')].map(([key, value]) => [key, String(value)])).to.deep.equal([
        ['1', 'van'],
      ])
      expect(store.info().format).to.be.greaterThan(1)
      await store.close()
    }
    expect(said).to.deep.equal([])
  })

  it('is whole in an older format, without the trees that came later', async () => {
    const env = lmdb({ path: folder, noSubdir: false, maxDbs: 20 })
    env.openDB({ name: 'chunks', encoding: 'binary', keyEncoding: 'binary' })
    const meta = env.openDB<Buffer, string>({ name: 'meta', encoding: 'binary' })
    await meta.put('format', seal('meta', 'format', Buffer.from('2')))
    await env.close()
    const store = await openIt()
    expect(said).to.deep.equal([])
    expect(store.info().format).to.equal(FORMAT)
    await store.close()
  })

  it('is refused if it cannot be written to, or is not a folder', async function () {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const warn = (text: string) => void said.push(text)
    const error = await rejection(openStore(file, { warn }))
    expect(error).to.include({ code: 'MSGVAN_STORE' })
    expect(String(error)).to.include('it is not a folder')
    expect(said).to.deep.equal([])
    if (process.platform === 'linux')
      expect(await rejection(openStore('/proc/nowhere', { warn }))).to.include({ code: 'MSGVAN_STORE' })
    skipUnless(this, process.getuid?.() !== 0, 'root may write everywhere')
    await chmod(folder, 0o500)
    expect(await rejection(openIt())).to.include({ code: 'MSGVAN_STORE' })
    await chmod(folder, 0o700)
  })

  it('cut short keeps what is there, and the file as it was', async () => {
    await (await filled()).close()
    const data = join(folder, 'data.mdb')
    const { size } = await stat(data)
    await truncate(data, size - 100_000)
    const before = await readFile(data)
    const store = await openIt()
    const kept = [...store.scan(1, 0)].length
    expect(kept).to.be.lessThan(50)
    await store.close()
    expect(said).to.have.lengthOf(1)
    expect(said[0]).to.match(/is damaged: .*The whole parts were kept; the rest is in/)
    const [aside = ''] = (await readdir(folder)).filter(name => name.startsWith('damaged-'))
    expect(Buffer.compare(await readFile(join(folder, aside, 'data.mdb')), before)).to.equal(0)
    await (await openIt()).close()
    expect(said).to.have.lengthOf(1)
  })

  it('shorter than its last page, which lmdb never wrote, is whole', async () => {
    const store = await openIt()
    // Taken and given back within one transaction.
    for (let first = 1; first <= 5; first += 1)
      await store.transact(to => {
        to.append(piece(first, 900))
        to.put('letters', 'gone', Buffer.alloc(30_000))
        to.remove('letters', 'gone')
      })
    await store.close()
    const [newest] = [...withFile(file => file.metas)].sort((a, b) => b.transaction - a.transaction)
    const { size } = await stat(join(folder, 'data.mdb'))
    expect(size).to.be.lessThan(((newest?.lastPage ?? 0) + 1) * 4096)
    const again = await openIt()
    expect([...again.scan(1, 0)]).to.have.lengthOf(5)
    await again.transact(to => to.append(piece(6, 50_000)))
    await again.close()
    const third = await openIt()
    expect([...third.scan(1, 0)]).to.have.lengthOf(6)
    await third.close()
    expect(said).to.deep.equal([])
  })

  it('is whole after any number of transactions', async function () {
    this.timeout(30_000)
    const store = await openIt()
    let first = 1
    for (let round = 0; round < 300; round += 1) {
      await store.transact(to => {
        for (let more = round % 5; more >= 0; more -= 1) to.append(piece(first++, round % 2 ? 900 : 5_000))
        to.put('books', `b${round % 40}`, Buffer.alloc(round))
        if (round % 7 === 0) to.remove('books', `b${round % 30}`)
        if (first > 60) for (let old = 4; old > 0; old -= 1) to.trim(1, first - 60 + old)
      })
      const { broken, damages } = withFile(file => readSnapshot(file, false))
      expect({ round, broken, damages }).to.deep.equal({ round, broken: undefined, damages: [] })
    }
    await store.close()
  })

  it('is kept aside if it is not a store', async () => {
    await writeFile(join(folder, 'data.mdb'), Buffer.alloc(20_000, 'nonsense'))
    await (await openIt()).close()
    expect(said[0]).to.match(/does not begin as a store does/)
  })

  it('is found damaged at the start with pages of garbage', async () => {
    await (await filled()).close()
    const file = await open(join(folder, 'data.mdb'), 'r+')
    const { size } = await file.stat()
    for (let page = 2; page < size / 4096; page += 1)
      await file.write(Buffer.alloc(4096, 0xab), 0, 4096, page * 4096)
    await file.close()
    const store = await openIt()
    expect(said).to.have.lengthOf(1)
    expect([...store.scan(1, 0)]).to.deep.equal([])
    await store.close()
  })

  it('is found damaged with one wrong byte in a message', async () => {
    await (await filled()).close()
    const file = await open(join(folder, 'data.mdb'), 'r+')
    const bytes = await file.readFile()
    const at = bytes.indexOf(Buffer.alloc(4000, 50))
    await file.write(Buffer.from([1]), 0, 1, at + 2000)
    await file.close()
    const store = await openIt()
    expect(said[0]).to.match(/checksum is wrong/)
    // All others are there; what was taken out is beside it.
    expect([...store.scan(1, 0)].map(({ first }) => first)).to.deep.equal(
      Array.from({ length: 49 }, (_, i) => i + 1),
    )
    await store.close()
    const [aside = ''] = (await readdir(folder)).filter(name => name.startsWith('damaged-'))
    const pieces = await readFile(join(folder, aside, 'pieces.ndjson'), 'utf8')
    expect(JSON.parse(pieces)).to.include({ table: 'chunks' })
  })

  it('is found damaged with one wrong byte in a record', async () => {
    const store = await openIt()
    await store.transact(to => to.put('books', 'one', Buffer.alloc(100, 7)))
    await store.close()
    const file = await open(join(folder, 'data.mdb'), 'r+')
    const at = (await file.readFile()).indexOf(Buffer.alloc(100, 7))
    await file.write(Buffer.from([1]), 0, 1, at + 50)
    await file.close()
    const again = await openIt()
    expect(said[0]).to.match(/"one" of books is damaged/)
    expect(again.get('books', 'one')).to.equal(undefined)
    await again.close()
  })

  it('is found damaged at the start with a tree that leads astray before the newest messages', async () => {
    const store = await openIt()
    await store.transact(to => {
      for (let first = 1; first <= 200; first += 1) to.append(piece(first, 600))
      for (let first = 201; first <= 250; first += 1) to.append(piece(first, 600_000))
      to.put('logs', '1', Buffer.from('van'))
    })
    await store.close()
    const file = await open(join(folder, 'data.mdb'), 'r+')
    const at = (await file.readFile()).indexOf(Buffer.alloc(600, 100))
    await file.write(Buffer.alloc(4096, 0xab), 0, 4096, at - (at % 4096))
    await file.close()
    await (await openIt()).close()
    expect(said).to.have.lengthOf(1)
  })

  it('leaves out a damaged piece, logs that once, and gives all others', async () => {
    // Longer ago than is looked through at a start.
    await (await filled(800_000)).close()
    const file = await open(join(folder, 'data.mdb'), 'r+')
    const at = (await file.readFile()).indexOf(Buffer.alloc(4000, 25))
    await file.write(Buffer.from([1]), 0, 1, at + 2000)
    await file.close()
    const store = await openIt()
    const firsts = () => [...store.scan(1, 0)].map(({ first }) => first)
    expect(firsts()).to.deep.equal(Array.from({ length: 50 }, (_, i) => i + 1).filter(first => first !== 25))
    expect(firsts()).to.have.lengthOf(49)
    expect([...store.scan(1, 25)][0]?.first).to.equal(26)
    expect(said).to.have.lengthOf(1)
    expect(said[0]).to.match(/from number 25 on.*checksum is wrong.*left out/)
    await store.close()
  })

  it('says when there is too little room for messages, and settles all the same', async () => {
    const store = await openStore(folder, { warn: text => said.push(text), floor: 2 ** 60 })
    expect(() => store.checkRoom(1))
      .to.throw()
      .with.property('code', 'MSGVAN_STORE_FULL')
    await store.transact(to => to.remove('letters', 'x')) // what is settled is written
    await store.close()
  })

  it('gives freed room back when it is compacted', async () => {
    const store = await filled()
    await store.transact(to => {
      for (let first = 1; first <= 49; first += 1) to.trim(1, first)
    })
    await store.close()
    const { before, after } = await compactStore(folder)
    expect(after).to.be.lessThan(before / 2)
    // What it leaves is a store as any other: nothing is said of it.
    const { wrong, broken, damages } = await probe(folder, { isBrief: false })
    expect({ wrong, broken, damages }).to.deep.equal({ wrong: undefined, broken: undefined, damages: [] })
    said.splice(0)
    const again = await openIt()
    expect(said).to.deep.equal([])
    expect([...again.scan(1, 0)].map(({ first }) => first)).to.deep.equal([50])
    await again.close()
  })

  it('is not loaded by a host without a store', async () => {
    const host = JSON.stringify(new URL('../../src/host/process/run-host.js', import.meta.url).href)
    // lmdb leaves this behind when it is loaded.
    const program = `await import(${host}); console.log(typeof globalThis.__lmdb_envs__)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program])
    expect(stdout).to.match(/undefined/)
  })

  it('is described, checked and compacted by `msgvan store`', async () => {
    const sandbox = await Sandbox.make()
    try {
      const store = await filled()
      const beside = await sandbox.msgvan(['store', 'check', folder, '--json']).ended
      expect(JSON.parse(beside.stdout)).to.deep.equal({ chunks: 50, messages: 50, records: 2 })
      expect(await sandbox.msgvan(['store', 'compact', folder]).ended).to.include({ code: 1 })
      await store.close()
      const info = await sandbox.msgvan(['store', 'info', folder]).ended
      expect(info.stdout).to.match(/^pieces {9}50$/m)
      expect(await sandbox.msgvan(['store', 'compact', folder]).ended).to.include({ code: 0 })
      await writeFile(join(folder, 'data.mdb'), Buffer.alloc(20_000, 'nonsense'))
      const torn = await sandbox.msgvan(['store', 'check', folder]).ended
      expect(torn.code).to.equal(1)
      expect(torn.stdout).to.match(/does not begin as a store does/)
      expect(await sandbox.msgvan(['store', 'info', join(folder, 'nowhere')]).ended).to.include({ code: 1 })
    } finally {
      await sandbox.clean()
    }
  })
})
