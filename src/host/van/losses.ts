import type { MsgvanError } from '../../errors.js'
import { missingError } from '../store/missing-error.js'
import type { VanStore } from '../store/van-store.js'

/** The losses of a damaged store, here or at the host with this van's store: every client of the van gets them. */
export class Losses {
  readonly #van: string
  readonly #store: Pick<VanStore, 'missing'> | undefined
  readonly #clients: ReadonlyMap<string, { error(error: MsgvanError): void }>
  #elsewhere: MsgvanError | undefined

  constructor(
    van: string,
    store: Pick<VanStore, 'missing'> | undefined,
    clients: ReadonlyMap<string, { error(error: MsgvanError): void }>,
  ) {
    this.#van = van
    this.#store = store
    this.#clients = clients
  }

  /** For a client that comes: what is lost so far. */
  get error(): MsgvanError | undefined {
    const missing = this.#store?.missing ?? []
    return missing.length > 0 ? missingError(this.#van, missing) : this.#elsewhere
  }

  /** The store has a new loss. */
  report(): void {
    const { error } = this
    if (error !== undefined) this.#tell(error)
  }

  /** The host with this van's store reports a loss. It may do so again. */
  reportElsewhere(error: MsgvanError): void {
    if (error.message === this.#elsewhere?.message) return
    this.#elsewhere = error
    this.#tell(error)
  }

  #tell(error: MsgvanError): void {
    for (const client of this.#clients.values()) client.error(error)
  }
}
