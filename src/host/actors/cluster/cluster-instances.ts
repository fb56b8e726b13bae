import type { ExitReason } from '../../../actors/definition/actor.js'
import { titleOf } from '../../../actors/definition/refusals.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import { ActorPlacementError, ActorStoppedError, RemoteError, TimeoutError } from '../../../errors.js'
import type { Backbone } from '../../backbone/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import type { Spread, SpreadActor } from '../actor-host.js'
import { throwRefusal } from './found.js'
import { deal, fitting } from './placement-offers.js'
import { ASKING_MS, PLACEMENT_MS } from './placement.js'
import { anotherMayDo, atHost, worst } from './placement-failures.js'
import { label, type Cast } from '../running-actor.js'

export interface ClusterInstancesOptions {
  readonly backbone: Backbone
  /** What a host that is gone held of this actor's messages is for the others. */
  readonly forsake: (host: string) => void
  readonly ended: () => void
}

/** So long a crew takes at most to finish what it has in hand. */
const STOP_MS = 15_000
/** So long the hosts may take to come back on which it was before its keeper began anew. */
const AWAITED_MS = 10_000

/** The crews of one actor on several hosts, as the host knows them that keeps it: the leader, which has its mailbox too. */
export class ClusterInstances implements Cast {
  readonly size = 0
  readonly modules = []
  readonly #actor: SpreadActor
  readonly #spread: Spread
  readonly #means: ClusterInstancesOptions
  /** Which instances are where, or on their way there. */
  readonly #shares = new Map<string, readonly number[]>()
  #isUp = false
  #isEnding = false

  constructor(actor: SpreadActor, spread: Spread, means: ClusterInstancesOptions) {
    this.#actor = actor
    this.#spread = spread
    this.#means = means
  }

  /** But for the one that keeps it, which is another when it begins anew. */
  get hosts(): string[] {
    const { id } = this.#means.backbone.members.self
    return [...this.#shares.keys()].filter(host => host !== id)
  }

  isOn(host: string): boolean {
    return this.#shares.has(host) && !this.#isEnding
  }

  /** @throws ActorPlacementError, ActorStartError, ActorStoppedError, ClosedError, RemoteError, TimeoutError */
  async start(numbers: readonly number[], loaded: () => void): Promise<void> {
    loaded()
    await this.#awaited()
    const until = performance.now() + PLACEMENT_MS
    const failures: unknown[] = []
    const refusing = new Set<string>()
    let { requires } = this.#actor.request
    let missing = [...numbers]
    while (missing.length > 0) {
      const offers = await fitting(this.#means.backbone, requires, this.#actor.self.id)
      const willing = offers.filter(({ host }) => !refusing.has(host.id))
      const hands = performance.now() < until ? deal(missing, willing, this.#spread.asking) : []
      if (hands.length === 0) throw failures.length === 0 ? this.#nowhere() : worst(failures)
      const hired = await Promise.all(hands.map(hand => this.#hire(hand.host, hand.numbers, until)))
      if (this.#isEnding) throw this.#stopped()
      missing = hired.flatMap(({ lost }) => lost)
      for (const { host, error } of hired) {
        if (error === undefined) continue
        const isAsking = host.id === this.#spread.asking
        refusing.add(host.id)
        failures.push(isAsking ? error : atHost(host, error))
        if (!anotherMayDo(error, isAsking)) throw worst(failures)
        if (error instanceof ActorPlacementError) requires = { ...requires, ...error.requires }
      }
    }
    // They may all have gone while the last ones were set up.
    if (this.#shares.size === 0) throw this.#stopped()
    this.#isUp = true
  }

  async startAgain(numbers: readonly number[]): Promise<void> {
    try {
      await this.start(numbers, () => undefined)
    } finally {
      // What is missing has its place on the next host that comes.
      this.#isUp = true
    }
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    await Promise.all([...this.#shares.keys()].map(host => this.#request(host, 'actors.crewStop', {}, STOP_MS).catch(() => undefined))) // prettier-ignore
    this.#shares.clear()
    this.#means.ended()
  }

  /** Each host sees by itself to what it has loaded, and to what it offers. */
  reload(): Promise<void> {
    return Promise.resolve()
  }

  reconsider(): void {
    // As `reload`.
  }

  async tellSubscriptions(): Promise<void> {
    // Whoever cannot be reached is told when it is back.
    await Promise.all(
      [...this.#shares.keys()].map(host => this.#tellSubscriptions(host).catch(() => undefined)),
    )
  }

  /** Each host tells of its own. */
  status(): never[] {
    return []
  }

  /** Its instances there have ended: the actor goes on with those of other hosts, as long as there are any. */
  left(host: string, reason: ExitReason, detail: string): void {
    if (!this.#shares.delete(host) || this.#isEnding) return
    if (this.#isUp && this.#shares.size === 0) this.#actor.endSoon(reason, detail)
  }

  gone(host: string): void {
    if (!this.#shares.has(host)) return
    this.#means.forsake(host)
    this.left(host, 'crashed', 'its host is gone')
  }

  /** That host is there again: it may have missed something, and so may this one. */
  async came(host: string): Promise<void> {
    if (!this.#isUp) return
    if (this.isOn(host)) {
      const isThere = await this.#request(host, 'actors.crewThere', {}, STOP_MS)
      if (isThere === true) return this.#tellSubscriptions(host)
      this.left(host, 'crashed', 'its host has it no more')
    }
    await this.#complete(host)
  }

  /** Instances that went with a host find a place on the next one that comes: the same one, restarted, say. */
  async #complete(host: string): Promise<void> {
    const { backbone } = this.#means
    if (this.#missing().length === 0) return
    const offers = await fitting(backbone, this.#actor.request.requires, this.#actor.self.id)
    const offer = offers.find(each => each.host.id === host)
    const missing = this.#missing()
    if (offer === undefined || missing.length === 0 || this.#isEnding) return
    // One that refuses has said so in vain: the actor goes on as it is.
    await this.#hire(offer.host, missing, performance.now() + PLACEMENT_MS)
  }

  #missing(): number[] {
    const placed = new Set([...this.#shares.values()].flat())
    const all = Array.from({ length: this.#actor.request.instances }, (_, index) => index + 1)
    return all.filter(number => !placed.has(number))
  }

  /** @returns what has to be placed elsewhere, and why */
  async #hire(
    host: HostStatus,
    numbers: readonly number[],
    until: number,
  ): Promise<{ host: HostStatus; lost: readonly number[]; error?: unknown }> {
    const { backbone } = this.#means
    const { asking, ticket, awaited } = this.#spread
    const { request, subscriptions } = this.#actor
    const before = this.#shares.get(host.id) ?? []
    this.#shares.set(host.id, [...before, ...numbers])
    const left = Math.max(1, Math.round(until - performance.now()))
    // Whoever asked may take longer, as with one instance.
    const within = host.id !== asking ? left : asking === backbone.members.self.id ? undefined : ASKING_MS
    const isAgain = awaited !== undefined && !this.#isUp
    const order = { request, numbers, asking, ticket, within, subscriptions: subscriptions(), isAgain }
    try {
      throwRefusal(await this.#request(host.id, 'actors.crew', order, within && within + 1_000))
      return { host, lost: [] }
    } catch (error) {
      const isUnsure = error instanceof RemoteError || error instanceof TimeoutError
      // They may be there all the same: nobody uses them. A host that is cut off asks when it is back.
      if (isUnsure) this.#request(host.id, 'actors.crewStop', {}, STOP_MS).catch(() => undefined)
      if (isUnsure || before.length === 0) this.#shares.delete(host.id)
      else this.#shares.set(host.id, before)
      return { host, lost: isUnsure ? [...before, ...numbers] : numbers, error }
    }
  }

  async #tellSubscriptions(host: string): Promise<void> {
    await this.#request(host, 'actors.crewSubscribe', { subscriptions: this.#actor.subscriptions() }, STOP_MS)
  }

  #request(host: string, name: string, body: object, ms: number | undefined): Promise<unknown> {
    const { van, self } = this.#actor
    const answer = this.#means.backbone.request(host, name, { van, self, ...body })
    return ms === undefined ? answer : inTime(answer, ms, `Host ${host}`)
  }

  /** Resolves when the hosts are there on which it was before, or have not come. */
  async #awaited(): Promise<void> {
    const { awaited = [] } = this.#spread
    const { members } = this.#means.backbone
    const areThere = (): boolean => {
      const there = new Set(members.list().map(({ id }) => id))
      return awaited.every(host => there.has(host))
    }
    if (areThere()) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        unwatch()
        resolve()
      }
      const timer = setTimeout(done, AWAITED_MS).unref()
      const unwatch = members.watch(() => {
        if (areThere()) done()
      })
    })
  }

  #nowhere(): ActorPlacementError {
    const { self, request } = this.#actor
    const title = titleOf({ ...request, name: self.name })
    return new ActorPlacementError(`Actor ${title}: no host that can be reached has what it requires.`)
  }

  #stopped(): ActorStoppedError {
    return new ActorStoppedError(`Actor ${label(this.#actor.self)} was stopped while it was set up.`)
  }
}
