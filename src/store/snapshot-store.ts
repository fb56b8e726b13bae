import { chunkAt, type Snapshot } from './snapshot.js'
import type { PageFile } from './page-file.js'
import type { Chunk, Store, Table } from './store.js'

/** Reads a store from its file without lmdb: the reachable parts of a damaged one. */
export class SnapshotStore implements Pick<Store, 'scan' | 'get' | 'records'> {
  readonly #file: PageFile
  readonly #snapshot: Snapshot

  constructor(file: PageFile, snapshot: Snapshot) {
    this.#file = file
    this.#snapshot = snapshot
  }

  *scan(log: number, from: number): IterableIterator<Chunk> {
    for (const place of this.#snapshot.chunks) {
      if (place.log !== log) continue
      const chunk = chunkAt(this.#file, place)
      if (chunk.first + chunk.count > from) yield chunk
    }
  }

  get(table: Table, key: string): Uint8Array | undefined {
    return this.#snapshot.records.get(table)?.get(key)
  }

  *records(table: Table, prefix = '', after = ''): IterableIterator<readonly [string, Uint8Array]> {
    for (const record of this.#snapshot.records.get(table) ?? [])
      if (record[0].startsWith(prefix) && record[0] > after) yield record
  }
}
