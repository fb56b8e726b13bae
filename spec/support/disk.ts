import { MemoryStore } from '../../src/store/memory-store.js'
import { StoreError, StoreFullError } from '../../src/errors.js'
import type { Store } from '../../src/store/store.js'

const nothing = (): void => undefined

/** A disk that outlives hosts: what one of them wants to write after its death is not written. */
export class Disk {
  readonly store = new MemoryStore()
  /** It takes nothing more. */
  isFull = false
  /** It says beforehand that it takes nothing more. */
  hasNoRoom = false

  mortal(): { store: Store; die: () => void } {
    let isDead = false
    const { store } = this
    const mortal: Store = {
      kind: 'memory',
      transact: async collect => {
        if (isDead) return
        if (!this.isFull) return store.transact(collect)
        // As on a real disk: it is found out when all was collected.
        collect({ append: nothing, put: nothing, remove: nothing, trim: nothing })
        throw new StoreError('The disk is full.')
      },
      checkRoom: () => {
        if (this.hasNoRoom) throw new StoreFullError('The disk is nearly full.')
      },
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
