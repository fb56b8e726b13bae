import { decodeDamages, type Damage } from '../../store/damage.js'
import { CAPABILITIES_KEY, DAMAGES_KEY, STANDING_KEY, type Store, type Table } from '../../store/store.js'
import { logsIn, otherMissing, type MissingInVan } from './accounts.js'
import type { OutboundLog } from '../../broker/durable/durable-log.js'
import { outboundRules } from '../../broker/routing/relay.js'
import { decodePayload, encodePayload } from '../../codec/payload.js'
import type { MissingStatus } from '../../bus/contract/status.js'
import { describe } from '../../errors.js'
import { Committer } from './committer.js'
import type { Retention } from './log.js'
import { SetAside } from './set-aside.js'
import { decodeStanding, encodeStanding, type HostStanding } from './standing.js'
import { VanStore } from './van-store.js'

export const DEFAULT_RETENTION: Retention = { age: Infinity, bytes: 1024 ** 3 }

/** Messages that no subscription is owed have no use. */
const NO_RETENTION: Retention = { age: 0, bytes: 0 }

const TIDY_EVERY_MS = 60_000

/** Registrations that run in a host. */
export type Registered = Extract<Table, 'handlers' | 'actors'>

export interface HostStoreOptions {
  readonly store: Store
  readonly retention?: Retention
  readonly warn: (text: string) => void
  /** Identifies this store for clients. */
  readonly id?: string
}

/** The store of a host: a part for each van, and the records beside them. */
export class HostStore {
  readonly #options: HostStoreOptions
  readonly #committer: Committer
  readonly #aside: SetAside
  readonly #vanStores = new Map<string, VanStore>()
  /** By van: the messages for this host's leader. */
  readonly #outboundStores = new Map<string, VanStore>()
  /** Reports a van whose store has lost messages a moment ago. Undefined while it loads. */
  #missed: ((van: string) => void) | undefined
  #lastNumber = 0
  #isEnding = false
  /** Until their losses are listed. */
  #damages: readonly Damage[]
  /** Losses whose van is unknown. */
  readonly #anywhere: MissingStatus[] = []
  readonly #tidying: NodeJS.Timeout

  constructor(options: HostStoreOptions) {
    this.#options = options
    this.#committer = new Committer(options.store, options.warn)
    this.#aside = new SetAside(options.store, options.warn)
    this.#damages = decodeDamages(options.store.get('meta', DAMAGES_KEY))
    for (const [number, { van, isOutbox }] of logsIn(options.store)) {
      this.#lastNumber = Math.max(this.#lastNumber, number)
      this.#keep(van, isOutbox === true, number)
    }
    this.#tidying = setInterval(() => {
      for (const vanStore of this.#all()) vanStore.tidy()
    }, TIDY_EVERY_MS).unref()
  }

  /**
   * Everything is loaded: reports all losses, once.
   *
   * @param missed reports a van with later losses
   */
  accounted(missed: (van: string) => void): void {
    this.#missed = missed
    if (this.#damages.length === 0) return
    for (const { van, ...missing } of otherMissing(this.#damages)) {
      if (van === undefined) this.#anywhere.push(missing)
      else this.#vanStores.get(van)?.addMissing([missing])
    }
    this.#damages = []
    for (const { text } of this.#anywhere) this.#options.warn(`the store was damaged, and misses: ${text}`)
    for (const [van, vanStore] of [...this.#vanStores, ...this.#outboundStores])
      for (const { text } of vanStore.missing)
        this.#options.warn(`van ${van} misses, since the store was damaged: ${text}`)
    for (const vanStore of this.#vanStores.values()) vanStore.addMissing(this.#anywhere)
    const isKept = this.#committer.kept() ?? Promise.resolve()
    void isKept
      .then(() => this.#options.store.transact(t => t.remove('meta', DAMAGES_KEY)))
      .catch(() => undefined)
  }

  /** Identifies this store for clients. */
  get id(): string | undefined {
    return this.#options.id
  }

  /** Everything in the store that was in this one's place is gone. */
  lost(missing: readonly MissingInVan[]): void {
    for (const { van, ...each } of missing) {
      this.#options.warn(`${van === undefined ? 'the store' : `van ${van}`} misses: ${each.text}`)
      if (van !== undefined) this.van(van).addMissing([each])
      else {
        this.#anywhere.push(each)
        for (const vanStore of this.#vanStores.values()) vanStore.addMissing([each])
      }
    }
  }

  /** Messages from this place of a log on are damaged. */
  found(log: number, first: number): void {
    for (const [van, vanStore] of [...this.#vanStores, ...this.#outboundStores]) {
      if (vanStore.number !== log) continue
      const missing = vanStore.found(first)
      this.#options.warn(`van ${van} misses, since the store was damaged: ${missing.text}`)
      this.#missed?.(van)
    }
  }

  /** The vans with records. */
  get vans(): string[] {
    return [...this.#vanStores.keys()]
  }

  van(name: string): VanStore {
    return this.#vanStores.get(name) ?? this.#keep(name, false)
  }

  /** The messages of a van for this host's leader. */
  outboundLog(van: string): OutboundLog {
    const vanStore = this.#outboundStores.get(van) ?? this.#keep(van, true)
    const [kept] = vanStore.load().subscriptions
    return { durableLog: vanStore, cursor: kept?.cursor ?? vanStore.open(outboundRules, 'outbox') }
  }

  /** The registrations in this host. */
  registered<T>(what: Registered, read: (kept: unknown) => T): T[] {
    return [...this.#options.store.records(what)].flatMap(([key, value]) => {
      try {
        return [read(decodePayload(value))]
      } catch (error) {
        this.#aside.add({ table: what, key, value, error })
        return []
      }
    })
  }

  /**
   * @param name its name in its van
   * @param value undefined: it is gone
   */
  keepRegistered(what: Registered, van: string, name: string, value: unknown): Promise<void> {
    return this.#write(what, JSON.stringify([van, name]), value)
  }

  /** The changes of capabilities while a host ran: applied to its first ones. */
  restoreCapabilities(restore: (changes: unknown) => void): void {
    const value = this.#options.store.get('meta', CAPABILITIES_KEY)
    try {
      restore(value === undefined ? {} : decodePayload(value))
    } catch (error) {
      if (value === undefined) throw error
      this.#aside.add({ table: 'meta', key: CAPABILITIES_KEY, value, error })
      restore({})
    }
  }

  keepCapabilities(changes: object): Promise<void> {
    return this.#write('meta', CAPABILITIES_KEY, changes)
  }

  /** This host ends, and the next one goes on at the leader. */
  async keepStanding(standing: HostStanding): Promise<void> {
    const bytes = encodeStanding(standing)
    await this.#options.store.transact(transaction => transaction.put('meta', STANDING_KEY, bytes))
  }

  /** The standing of the previous host, if it was restarted: once, because after a death nothing is owed any more. */
  takeStanding(): HostStanding | undefined {
    const { store, warn } = this.#options
    const bytes = store.get('meta', STANDING_KEY)
    if (bytes === undefined) return undefined
    store.transact(transaction => transaction.remove('meta', STANDING_KEY)).catch(() => undefined)
    try {
      return decodeStanding(bytes)
    } catch (error) {
      warn(`this host does not go on at its leader: ${describe(error)}`)
      return undefined
    }
  }

  async #write(table: Table, key: string, value: unknown): Promise<void> {
    const bytes = value === undefined ? undefined : encodePayload(value)
    await this.#options.store.transact(transaction => {
      if (bytes === undefined) transaction.remove(table, key)
      else transaction.put(table, key, bytes)
    })
  }

  /** The host ends: no subscription hands out a message any more, which the last write could miss. */
  end(): void {
    this.#isEnding = true
  }

  /** Writes all changes, and takes no more. */
  async freeze(): Promise<void> {
    this.end()
    clearInterval(this.#tidying)
    await this.#committer.finish()
    for (const vanStore of this.#all()) vanStore.freeze()
  }

  async close(): Promise<void> {
    try {
      await this.freeze()
      await this.#options.store.close()
    } catch (error) {
      this.#options.warn(describe(error))
    }
  }

  #all(): VanStore[] {
    return [...this.#vanStores.values(), ...this.#outboundStores.values()]
  }

  #keep(van: string, isOutbound: boolean, number = ++this.#lastNumber): VanStore {
    const { store } = this.#options
    const retention = isOutbound ? NO_RETENTION : (this.#options.retention ?? DEFAULT_RETENTION)
    const vanStore = new VanStore({
      store,
      committer: this.#committer,
      van,
      isOutbound,
      number,
      retention,
      damages: this.#damages,
      isEnding: () => this.#isEnding,
      unusable: record => this.#aside.add(record),
    })
    const vanStores = isOutbound ? this.#outboundStores : this.#vanStores
    vanStores.set(van, vanStore)
    vanStore.addMissing(this.#anywhere)
    return vanStore
  }
}
