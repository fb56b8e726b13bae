import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'

/** A disk that outlives hosts: what one of them wants to write after its death is not written. */
export class Disk {
  readonly store = new MemoryStore()

  mortal(): { store: Store; die: () => void } {
    let isDead = false
    const { store } = this
    const mortal: Store = {
      kind: 'memory',
      transact: collect => (isDead ? Promise.resolve() : store.transact(collect)),
      checkRoom: () => undefined,
      scan: (log, from) => store.scan(log, from),
      scanBack: log => store.scanBack(log),
      get: (table, key) => store.get(table, key),
      records: (table, prefix) => store.records(table, prefix),
      info: () => store.info(),
      close: () => Promise.resolve(),
    }
    return { store: mortal, die: () => (isDead = true) }
  }
}
