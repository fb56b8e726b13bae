import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { describe } from '../errors.js'
import { countOf, CHUNK_HEAD } from './chunk-record.js'
import { DATA_FILE } from './data-file.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { PageFile } from './page-file.js'
import type { Probed } from './probe.js'
import { readSnapshot, type Snapshot } from './snapshot.js'
import { FORMAT, FORMAT_KEY } from './store.js'

/** A host that writes meanwhile uses pages again: a mismatch then is not damage. */
const TRIES = 5

/** The process behind `probe`: reads a store through and prints the result as JSON. */
async function main(folder: string, isBrief: boolean): Promise<Probed> {
  for (let tries = 1; ; tries += 1) {
    const found = look(folder, isBrief)
    const { damages, broken, wrong, format = 0 } = found
    if (wrong !== undefined || format > FORMAT) return found
    if (damages.length === 0 && broken === undefined) return { ...found, ...(await goneAlong(folder)) }
    if (tries === TRIES || newest(folder) === found.transaction) return found
    await later(50)
  }
}

/** Without lmdb, which trusts the file. */
function look(folder: string, isBrief: boolean): Probed & { transaction?: number } {
  const file = new PageFile(join(folder, DATA_FILE))
  const nothing = { chunks: 0, messages: 0, records: 0, damages: [] }
  try {
    const transaction = Math.max(...file.metas.map(meta => meta.transaction))
    const { chunks, records, damages, broken } = readSnapshot(file, isBrief)
    const format = Number(Buffer.from(records.get('meta')?.get(FORMAT_KEY) ?? '').toString())
    if (format > FORMAT) return { ...nothing, format }
    const counts = Object.fromEntries([...records].map(([table, { size }]) => [table, size]))
    return {
      chunks: chunks.length,
      messages: isBrief ? 0 : messagesIn(file, chunks),
      records: [...records.values()].reduce((sum, { size }) => sum + size, 0),
      tables: counts,
      format,
      damages,
      transaction,
      ...(broken === undefined ? {} : { broken }),
    }
  } catch (error) {
    return { ...nothing, wrong: describe(error) }
  } finally {
    file.close()
  }
}

/** Reads it as a host will. A wrong pointer may end this process, or fail the call. */
async function goneAlong(folder: string): Promise<{ broken?: string }> {
  try {
    const store = await LmdbStore.open({ folder, space: new FreeSpace(folder, 0), readOnly: true })
    try {
      store.walk()
    } finally {
      await store.close()
    }
    return {}
  } catch (error) {
    return { broken: describe(error) }
  }
}

function newest(folder: string): number {
  const file = new PageFile(join(folder, DATA_FILE))
  try {
    return Math.max(...file.metas.map(meta => meta.transaction))
  } finally {
    file.close()
  }
}

function messagesIn(file: PageFile, chunks: Snapshot['chunks']): number {
  let messages = 0
  for (const { entry } of chunks) {
    const head = file.read(entry.page, CHUNK_HEAD, entry.offset)
    if (head !== undefined) messages += countOf(head)
  }
  return messages
}

const [, , folder = '', extent] = process.argv
// eslint-disable-next-line no-restricted-syntax -- JSON, to the process that started it
process.stdout.write(JSON.stringify(await main(folder, extent === 'brief')))
