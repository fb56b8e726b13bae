import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { DATA_FILE } from '../../src/store/data-file.js'
import { openStore } from '../../src/store/open-store.js'
import { PageFile } from '../../src/store/page-file.js'
import { repairStore } from '../../src/store/repair.js'
import { FreeSpace } from '../../src/store/free-space.js'
import { readSnapshot } from '../../src/store/snapshot.js'
import { SnapshotStore } from '../../src/store/snapshot-store.js'
import type { Damage } from '../../src/store/damage.js'
import { tables, type Store } from '../../src/store/store.js'
import { harmed, harms } from '../support/harm.js'

type Contents = Map<string, string>

function contentsOf(store: Pick<Store, 'scan' | 'records'>): Contents {
  const contents: Contents = new Map()
  for (const table of tables)
    for (const [key, value] of store.records(table))
      // A host that opens it writes these.
      if (table !== 'meta') contents.set(`${table} ${key}`, Buffer.from(value).toString('hex'))
  for (const log of [1, 2])
    for (const { first, count, bytes } of store.scan(log, 0))
      contents.set(`chunks ${log} ${first}`, `${count} ${Buffer.from(bytes).toString('hex')}`)
  return contents
}

function isNamed(piece: string, damages: readonly Damage[]): boolean {
  const [table, log, first] = piece.split(' ')
  return damages.some(damage => {
    // What the last transaction wrote may be missing.
    if (damage.table === 'meta' && damage.key === undefined) return true
    if (damage.table !== table) return false
    if (table !== 'chunks' || damage.log === undefined) return true
    const { first: from = 0, before = Infinity } = damage
    return damage.log === Number(log) && from <= Number(first) && Number(first) < before
  })
}

/** All that is there is what was written; what is not there is named. */
function expectHonest(before: Contents, after: Contents, damages: readonly Damage[]): void {
  for (const [piece, value] of after) if (before.get(piece) !== value) expectNamed(piece, damages)
  for (const piece of before.keys()) if (!after.has(piece)) expectNamed(piece, damages)
}

function expectNamed(piece: string, damages: readonly Damage[]): void {
  if (!isNamed(piece, damages))
    expect.fail(`${piece} is not as it was, and not named: ${JSON.stringify(damages)}`)
}

describe('a damaged store', () => {
  let folder: string
  let path: string
  let whole: Buffer
  let contents: Contents

  const read = <T>(
    look: (store: SnapshotStore, damages: readonly Damage[], broken: string | undefined) => T,
  ): T => {
    const file = new PageFile(path)
    try {
      const snapshot = readSnapshot(file, false)
      return look(new SnapshotStore(file, snapshot), snapshot.damages, snapshot.broken)
    } finally {
      file.close()
    }
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-damage-'))
    path = join(folder, DATA_FILE)
    const store = await openStore(folder, { warn: said => expect.fail(said) })
    let first = 1
    for (let round = 0; round < 80; round += 1)
      await store.transact(to => {
        for (let more = 0; more < 6; more += 1) {
          const bytes = Buffer.alloc(round % 3 === 0 ? 5_000 : 150, round)
          to.append({ log: 1 + (more % 2), first: first++, count: 1, writtenAt: round, bytes })
        }
        to.put('subscriptions', `1/n/name${round % 50}`, Buffer.alloc(50, round))
        to.put('books', `1/n/name${round % 50}`, Buffer.alloc(20, round))
        to.put('logs', '1', Buffer.alloc(30, round))
      })
    await store.close()
    whole = await readFile(path)
    contents = read(store => contentsOf(store))
  })
  after(() => rm(folder, { recursive: true }))

  it('is read without lmdb, and says what is missing, whatever bit or page of it is wrong', async function () {
    this.timeout(60_000)
    let damaged = 0
    await fc.assert(
      fc.asyncProperty(harms, async harm => {
        await writeFile(path, harmed(whole, harm))
        read((store, damages) => {
          if (damages.length > 0) damaged += 1
          expectHonest(contents, contentsOf(store), damages)
        })
      }),
      { numRuns: 150 },
    )
    expect(damaged).to.be.greaterThan(10)
  })

  it('is repaired into one that lmdb can have, with all its whole parts', async function () {
    this.timeout(120_000)
    await fc.assert(
      fc.asyncProperty(harms, async harm => {
        const own = await mkdtemp(join(tmpdir(), 'msgvan-damage-'))
        const data = join(own, DATA_FILE)
        try {
          await writeFile(data, harmed(whole, harm))
          const file = new PageFile(data)
          const kept = contentsOf(new SnapshotStore(file, readSnapshot(file, false)))
          file.close()
          const space = new FreeSpace(own, 0)
          const { damages } = await repairStore({ folder: own, space, isBrief: false, broken: undefined })
          const said: string[] = []
          const store = await openStore(own, { warn: text => said.push(text), floor: 0 })
          expect(said).to.deep.equal([])
          const found = contentsOf(store)
          expect(found).to.deep.equal(kept)
          expectHonest(contents, found, damages)
          // It goes on: in all trees, and in pages that were free.
          for (let round = 0; round < 3; round += 1)
            await store.transact(to => {
              for (const table of tables) to.put(table, 'new', Buffer.alloc(3_000))
              to.append({ log: 3, first: 1 + round, count: 1, writtenAt: 1, bytes: Buffer.alloc(30_000) })
            })
          await store.close()
        } finally {
          await rm(own, { recursive: true })
        }
      }),
      { numRuns: 12 },
    )
  })
})
