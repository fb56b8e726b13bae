import type { Store } from '../../store/store.js'
import { decodePayload, encodePayload } from '../../message/payload.js'
import { describe } from '../../errors.js'
import { Committer } from './committer.js'
import type { Retention } from './log.js'
import { VanKeeper } from './van-keeper.js'

export const DEFAULT_RETENTION: Retention = { age: Infinity, bytes: 1024 ** 3 }

const TIDY_EVERY_MS = 60_000

export interface HostStoreOptions {
  readonly store: Store
  readonly retention?: Retention
  readonly warn: (text: string) => void
  /** Closes the store after all was written. Default: its own `close`. */
  readonly close?: () => Promise<void>
}

/** The store of a host: a keeper for each van, and what is kept beside them. */
export class HostStore {
  readonly #options: HostStoreOptions
  readonly #committer: Committer
  readonly #keepers = new Map<string, VanKeeper>()
  #lastNumber = 0
  readonly #tidying: NodeJS.Timeout

  constructor(options: HostStoreOptions) {
    this.#options = options
    this.#committer = new Committer(options.store, options.warn)
    for (const [key, value] of options.store.records('logs')) {
      const { van } = decodePayload(value) as { van: string }
      this.#lastNumber = Math.max(this.#lastNumber, Number(key))
      this.#keepers.set(van, this.#keeper(van, Number(key)))
    }
    this.#tidying = setInterval(() => {
      for (const keeper of this.#keepers.values()) keeper.tidy()
    }, TIDY_EVERY_MS).unref()
  }

  /** Those that have something kept. */
  get vans(): string[] {
    return [...this.#keepers.keys()]
  }

  van(name: string): VanKeeper {
    let keeper = this.#keepers.get(name)
    if (keeper === undefined) {
      this.#lastNumber += 1
      keeper = this.#keeper(name, this.#lastNumber)
      this.#keepers.set(name, keeper)
    }
    return keeper
  }

  /** What was registered to run in this host. */
  handlers(): unknown[] {
    return [...this.#options.store.records('handlers')].map(([, value]) => decodePayload(value))
  }

  /** @param value undefined: it is gone */
  async keepHandler(van: string, name: string, value: unknown): Promise<void> {
    const key = JSON.stringify([van, name])
    const bytes = value === undefined ? undefined : encodePayload(value)
    await this.#options.store.transact(transaction => {
      if (bytes === undefined) transaction.remove('handlers', key)
      else transaction.put('handlers', key, bytes)
    })
  }

  /** From now on nothing changes any more, and all that did is written. */
  async freeze(): Promise<void> {
    clearInterval(this.#tidying)
    await this.#committer.finish()
    for (const keeper of this.#keepers.values()) keeper.freeze()
  }

  async close(): Promise<void> {
    try {
      await this.freeze()
      await (this.#options.close?.() ?? this.#options.store.close())
    } catch (error) {
      this.#options.warn(describe(error))
    }
  }

  #keeper(van: string, number: number): VanKeeper {
    const { store, retention = DEFAULT_RETENTION } = this.#options
    return new VanKeeper({ store, committer: this.#committer, van, number, retention })
  }
}
