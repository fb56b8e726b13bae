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

  /**
   * The next write lasts until it is failed; the one after that is written.
   *
   * @param afterNext called when that one is on the disk, before its host knows
   */
  failNext(afterNext: () => void): { readonly begun: Promise<void>; readonly fail: () => void } {
    const { store } = this
    const write = store.transact.bind(store)
    let fail = nothing
    const failed = new Promise<void>(resolve => (fail = resolve))
    const begun = new Promise<void>(resolve => {
      store.transact = async collect => {
        collect({ append: nothing, put: nothing, remove: nothing, trim: nothing })
        resolve()
        await failed
        store.transact = async next => {
          store.transact = write
          await write(next)
          afterNext()
        }
        throw new StoreError('The disk does not write.')
      }
    })
    return { begun, fail }
  }

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
