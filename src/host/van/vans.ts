import type { LetterMemory } from '../../broker/dead-letters/letter-memory.js'
import type { Counters } from '../../bus/contract/status.js'
import { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { WaitingMemory } from '../../broker/memory/waiting-memory.js'
import { UnsupportedError } from '../../errors.js'
import type { ReadMemory } from '../store/log.js'
import type { HostStore } from '../store/host-store.js'
import type { HostStanding, VanStanding } from '../store/standing.js'
import { outlivesHost } from './names-file.js'
import { RecentMap } from './recent-map.js'
import { Van, type VansOptions } from './van.js'

/** Messages that subscriptions read from the disk may take this share of the host's memory, beside it. */
const READ_SHARE = 1 / 4

/** The first delayed messages of an earlier process are due only after this, so that clients and other hosts are back. */
export const CLIENTS_BACK_MS = 3_000

/** The number of unused vans whose counters it remembers: names cost memory. */
const VANS_REMEMBERED = 1_000

/**
 * A host's vans. It makes a van on demand, and drops it, except its counters, when it has neither clients nor messages.
 */
export class Vans {
  readonly #options: VansOptions
  #store: HostStore | undefined
  #isRestored = false
  readonly #vans = new Map<string, Van>()
  readonly #counted = new RecentMap<string, Counters>({ max: VANS_REMEMBERED })

  /** Messages that all vans have read from the disk. */
  readonly #read: ByteBudget

  constructor(options: VansOptions) {
    this.#options = options
    this.#read = new ByteBudget(options.budget.max * READ_SHARE)
  }

  /** Restores all vans of the store, which keeps everything from now on. */
  restore(store: HostStore): void {
    if (this.#vans.size > 0) throw new Error('a van was there before its store')
    this.#store = store
    const standing = store.takeStanding()
    // The introduction to the leader is made with the first reach.
    if (standing !== undefined) this.#options.backbone().continueFrom?.(standing.host)
    for (const name of store.vans) {
      const { broker, vanStore } = this.get(name)
      const { subscriptions, letters } = vanStore?.load() ?? { subscriptions: [], letters: [] }
      broker.control.states.restore(vanStore?.states.load() ?? [])
      broker.transfer.restore(subscriptions, letters)
      this.get(name).awaitAskers()
    }
    this.#isRestored = true
    for (const each of standing?.vans ?? []) goOn(this.get(each.van), each)
    store.accounted(name => this.#vans.get(name)?.losses.report())
  }

  /**
   * Keeps it for the next host with this store, if there is one.
   *
   * @param abandon called first: from then on nothing is taken from the leader
   */
  async keepStanding(standing: HostStanding, abandon: () => void): Promise<void> {
    if (this.#store === undefined) return
    abandon()
    await this.#store.keepStanding(standing)
  }

  /**
   * This host's standing with its leader.
   *
   * @param clients the present ones of a van
   */
  standing(clients: (van: string) => string[]): VanStanding[] {
    return [...this.#vans.values()].flatMap(({ name, reach }) => {
      const { outgoing } = reach.memory ?? {}
      return outgoing === undefined ? [] : [{ ...outgoing.standing, van: name, clients: clients(name) }]
    })
  }

  /**
   * Clients of the previous host have had their time to come back.
   *
   * @returns whether some are still awaited
   */
  endOrphans(isAwaited: (van: string, client: string) => boolean): boolean {
    let areAwaited = false
    for (const van of this.#vans.values()) {
      if (van.broker.transfer.endOrphans(client => isAwaited(van.name, client))) areAwaited = true
      van.askersHadTheirTime()
    }
    return areAwaited
  }

  get(name: string): Van {
    let van = this.#vans.get(name)
    if (van === undefined) {
      const store = this.#store
      const outboundLog = store && (() => store.outboundLog(name))
      van = new Van(name, this.#options, store?.van(name), outboundLog, this.#counted.get(name))
      if (van.vanStore !== undefined) van.vanStore.memory = this.#readMemory(van.broker.memory)
      this.#vans.set(name, van)
      if (store !== undefined) van.broker.ruled.agenda.begin(this.#isRestored ? 0 : CLIENTS_BACK_MS)
    }
    return van
  }

  /**
   * @throws UnsupportedError if there is a store, which keeps everything
   */
  checkMemory(): void {
    if (this.#store !== undefined)
      throw new UnsupportedError(
        'This host has a store, which the next one opens: there is nothing to hand over.',
      )
  }

  all(): Iterable<Van> {
    return this.#vans.values()
  }

  /** The rights of these principals have changed: earlier answers about visible topics do not hold. */
  renewRights(principals: readonly string[]): void {
    for (const { broker, reach } of this.#vans.values()) {
      broker.forgetTopics()
      reach.names?.renewRights(principals)
    }
  }

  /** Publishes to the subscribers of this host, in all vans. */
  publishHere(topic: string, payload: unknown): void {
    for (const { broker } of this.#vans.values()) broker.system.publishHere(topic, payload)
  }

  /** The number of subscriptions with a name that a principal made here. */
  namesOf(principal: string): number {
    let count = 0
    for (const { broker } of this.#vans.values())
      for (const { rules } of broker.transfer.subscriptions())
        if (rules.principal === principal && rules.name !== undefined && outlivesHost(rules.name, rules))
          count += 1
    return count
  }

  /** For all that subscriptions read from the disk, which nothing else counts: publishers do not wait for it. */
  #readMemory(memory: WaitingMemory): ReadMemory {
    const readMemory = this.#read
    const owner = memory.ownerIn(readMemory)
    return {
      get isFull() {
        return readMemory.isFull
      },
      blockOf: bytes => memory.blockOf(bytes, undefined, owner),
    }
  }

  /** The memory of all dead letters. */
  get letters(): LetterMemory {
    return this.#options.letterMemory
  }

  get names(): string[] {
    return [...this.#vans.keys()]
  }

  /** None of them has a subscription, a dead letter or a waiting publish. */
  get isIdle(): boolean {
    return [...this.#vans.values()].every(({ broker }) => broker.isIdle)
  }

  /**
   * @param used those with clients
   */
  sweep(used: ReadonlySet<string>): void {
    for (const [name, van] of this.#vans) {
      if (!van.broker.isIdle || used.has(name) || this.#options.backbone().homes?.includes(name) === true)
        continue
      this.#vans.delete(name)
      this.#counted.set(name, van.broker.counters)
      void van.close()
    }
  }

  /** From now on nothing is written: messages that end with this process stay owed. */
  async freeze(): Promise<void> {
    this.#store?.end()
    for (const { broker } of this.#vans.values()) broker.transfer.logEnds()
    await this.#store?.freeze()
  }

  async close(): Promise<void> {
    const vans = [...this.#vans.values()]
    this.#vans.clear()
    await Promise.all(vans.map(van => van.close()))
  }
}

/** Continues at the leader in the place of the previous host. */
function goOn({ reach, goingOn }: Van, standing: VanStanding): void {
  const { outgoing } = reach.memory ?? {}
  if (outgoing === undefined) return
  outgoing.continueFrom(standing)
  for (const client of standing.clients) goingOn.add(client)
}
