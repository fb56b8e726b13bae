import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { MemoryStore } from '../../src/store/memory-store.js'
import { openStore } from '../../src/store/open-store.js'
import { FORMAT, trimmable, type Chunk, type Store } from '../../src/store/store.js'
import { rejection } from '../support/rejection.js'

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()
const chunk = (first: number, count = 1, log = 1): Chunk => ({
  log,
  first,
  count,
  writtenAt: first,
  bytes: Buffer.from(`from ${first}`),
})
const firsts = (chunks: Iterable<Chunk>) => [...chunks].map(({ first }) => first)

const kinds: Record<string, (folder: string) => Promise<Store>> = {
  memory: async () => new MemoryStore(),
  lmdb: folder => openStore(folder, { warn: said => expect.fail(said) }),
}

for (const [kind, open] of Object.entries(kinds)) {
  describe(`a store (${kind})`, () => {
    let folder: string
    let store: Store
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
      store = await open(folder)
    })
    afterEach(async () => {
      await store.close()
      await rm(folder, { recursive: true })
    })

    it('gives back what was appended, in order, each log its own', async () => {
      await store.transact(to => {
        to.append(chunk(1, 10))
        to.append(chunk(11, 5))
        to.append(chunk(3, 1, 2))
      })
      await store.transact(to => to.append(chunk(16, 4)))
      expect(
        [...store.scan(1, 1)].map(({ bytes, ...rest }) => ({ ...rest, bytes: text(bytes) })),
      ).to.deep.equal([
        { log: 1, first: 1, count: 10, writtenAt: 1, bytes: 'from 1' },
        { log: 1, first: 11, count: 5, writtenAt: 11, bytes: 'from 11' },
        { log: 1, first: 16, count: 4, writtenAt: 16, bytes: 'from 16' },
      ])
      expect(firsts(store.scan(2, 0))).to.deep.equal([3])
      expect(firsts(store.scan(3, 0))).to.deep.equal([])
    })

    it('scans from the piece that holds a sequence, or else the next one', async () => {
      await store.transact(to => {
        for (const each of [chunk(5, 5), chunk(10, 5), chunk(20, 5), chunk(1, 5, 2)]) to.append(each)
      })
      const from = (sequence: number) => firsts(store.scan(1, sequence))
      expect(from(0)).to.deep.equal([5, 10, 20])
      expect(from(5)).to.deep.equal([5, 10, 20])
      expect(from(9)).to.deep.equal([5, 10, 20])
      expect(from(10)).to.deep.equal([10, 20])
      expect(from(15)).to.deep.equal([20])
      expect(from(24)).to.deep.equal([20])
      expect(from(25)).to.deep.equal([])
    })

    it('scans backwards from the end', async () => {
      await store.transact(to => {
        for (const first of [1, 2, 300, 70_000]) to.append(chunk(first))
        to.append(chunk(9, 1, 2))
      })
      expect(firsts(store.scanBack(1))).to.deep.equal([70_000, 300, 2, 1])
      expect(firsts(store.scanBack(1, 300))).to.deep.equal([2, 1])
      expect(firsts(store.scanBack(1, 301))).to.deep.equal([300, 2, 1])
      expect(firsts(store.scanBack(1, 1))).to.deep.equal([])
      expect(firsts(store.scanBack(7))).to.deep.equal([])
    })

    it('keeps records by table and key, in the order of the keys', async () => {
      await store.transact(to => {
        to.put('subscriptions', '1/b', Buffer.from('B'))
        to.put('subscriptions', '1/a', Buffer.from('A'))
        to.put('subscriptions', '2/a', Buffer.from('other'))
        to.put('letters', '1/a', Buffer.from('letter'))
      })
      await store.transact(to => {
        to.put('subscriptions', '1/b', Buffer.from('B again'))
        to.remove('subscriptions', '1/nowhere')
      })
      expect(text(store.get('subscriptions', '1/b'))).to.equal('B again')
      expect(store.get('handlers', '1/b')).to.equal(undefined)
      const found = [...store.records('subscriptions', '1/')].map(([key, value]) => [key, text(value)])
      expect(found).to.deep.equal([['1/a', 'A'], ['1/b', 'B again']]) // prettier-ignore
      await store.transact(to => to.remove('subscriptions', '1/a'))
      expect([...store.records('subscriptions')]).to.have.lengthOf(2)
    })

    it('takes keys of the longest names', async () => {
      const key = `1/${'\u{1F600}'.repeat(200)}`
      await store.transact(to => to.put('subscriptions', key, Buffer.from('x')))
      expect(text(store.get('subscriptions', key))).to.equal('x')
    })

    it('writes all of a transaction or nothing', async () => {
      const error = await rejection(
        store.transact(to => {
          to.append(chunk(1))
          throw new Error('no')
        }),
      )
      expect(error).to.be.an('error')
      expect(firsts(store.scan(1, 0))).to.deep.equal([])
    })

    it('has transactions take effect in the order of the calls', async () => {
      const done: number[] = []
      const all = Array.from({ length: 200 }, (_, i) =>
        store.transact(to => to.put('meta', 'last', Buffer.from(String(i)))).then(() => done.push(i)),
      )
      await Promise.all(all)
      expect(done).to.deep.equal(all.map((_, i) => i))
      expect(text(store.get('meta', 'last'))).to.equal('199')
    })

    it('trims in small steps, only messages that are not owed and are too old or too many', async () => {
      await store.transact(to => {
        for (let first = 1; first <= 200; first += 1) to.append(chunk(first))
      })
      const rule = { through: 100, writtenBefore: Infinity, excessBytes: 0 }
      let steps = 0
      for (;;) {
        const step = trimmable(store, 1, rule)
        if (step.firsts.length === 0) break
        steps += 1
        await store.transact(to => step.firsts.forEach(first => to.trim(1, first)))
      }
      expect(steps).to.be.greaterThan(1)
      expect(firsts(store.scan(1, 0))[0]).to.equal(101)
      expect(trimmable(store, 1, { ...rule, through: 200, writtenBefore: 103 }).firsts).to.deep.equal([
        101, 102,
      ])
      expect(trimmable(store, 1, { through: 200, writtenBefore: 0, excessBytes: 9 }).firsts).to.deep.equal([
        101, 102,
      ])
    })

    it('is closed once, and takes nothing after', async () => {
      await Promise.all([store.close(), store.close()])
      expect(await rejection(store.transact(to => to.append(chunk(1))))).to.include({ code: 'MSGVAN_CLOSED' })
    })

    it('counts what is in it', async () => {
      await store.transact(to => {
        to.append(chunk(1))
        to.put('letters', 'a', Buffer.from('x'))
      })
      const { chunks, records, format } = store.info()
      expect({ chunks, letters: records.letters, format }).to.deep.equal({
        chunks: 1,
        letters: 1,
        format: FORMAT,
      })
    })
  })
}
