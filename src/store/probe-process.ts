import { describe } from '../errors.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import type { Probed } from './probe.js'
import { FORMAT, tables } from './store.js'

/** Of the newest messages: what was written last is what a sudden end may have torn. */
const BRIEF_BYTES = 16 * 1024 * 1024

/** The process behind `probe`: reads a store through and says what it found as JSON. */
async function main(folder: string, isBrief: boolean): Promise<Probed> {
  const found = { chunks: 0, messages: 0, records: 0 }
  try {
    const store = await LmdbStore.open({ folder, space: new FreeSpace(folder, 0), readOnly: true })
    const { format } = store
    if (format !== undefined && format > FORMAT) {
      await store.close()
      return { ...found, format }
    }
    store.walk()
    for (const table of tables) found.records += [...store.records(table)].length
    for (const [key] of store.records('logs')) {
      let bytes = 0
      for (const chunk of store.scanBack(Number(key))) {
        found.chunks += 1
        found.messages += chunk.count
        bytes += chunk.bytes.length
        if (isBrief && bytes > BRIEF_BYTES) break
      }
    }
    await store.close()
    return found
  } catch (error) {
    return { ...found, wrong: describe(error) }
  }
}

const [, , folder = '', extent] = process.argv
process.stdout.write(JSON.stringify(await main(folder, extent === 'brief')))
