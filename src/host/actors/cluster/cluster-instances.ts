import type { ExitReason } from '../../../workers/definition/actor.js'
import { titleOf } from '../../../workers/definition/refusals.js'
import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import { ActorPlacementError, ActorStoppedError, RemoteError, TimeoutError } from '../../../errors.js'
import type { AnswerTo, RequestName, SentRequest } from '../../../wire/calls/host-requests.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import type { Spread, SpreadActor } from '../actor-host.js'
import { throwRefusal } from './found.js'
import { shareOut, fitting } from './placement-offers.js'
import { ASKING_MS, PLACEMENT_MS } from './placement.js'
import { anotherMayDo, atHost, worst } from './placement-failures.js'
import { label, type ActorInstances } from '../running-actor.js'

export interface ClusterInstancesOptions {
  readonly backbone: Backbone
  /** Fails the actor's messages that were at a lost host. */
  readonly failHeldBy: (host: string) => void
  readonly ended: () => void
}

/** The longest wait for instances to finish their messages in hand. */
const STOP_MS = 15_000
/** The longest wait for the hosts that had instances before the coordinator restarted. */
const AWAITED_MS = 10_000

/** The instances of one actor on several hosts, at its coordinator: the leader, which has its mailbox too. */
export class ClusterInstances implements ActorInstances {
  readonly size = 0
  readonly modules = []
  readonly #actor: SpreadActor
  readonly #spread: Spread
  readonly #options: ClusterInstancesOptions
  /** The numbers of the instances at each host, or on their way there. */
  readonly #shares = new Map<string, readonly number[]>()
  #isUp = false
  #isEnding = false

  constructor(actor: SpreadActor, spread: Spread, options: ClusterInstancesOptions) {
    this.#actor = actor
    this.#spread = spread
    this.#options = options
  }

  /** Without the coordinator's own host, which may be another one after a restart. */
  get hosts(): string[] {
    const { id } = this.#options.backbone.members.self
    return [...this.#shares.keys()].filter(host => host !== id)
  }

  isOn(host: string): boolean {
    return this.#shares.has(host) && !this.#isEnding
  }

  /** @throws ActorPlacementError, ActorStartError, ActorStoppedError, ClosedError, RemoteError, TimeoutError */
  async start(numbers: readonly number[], loaded: () => void): Promise<void> {
    loaded()
    await this.#hostsBack()
    const until = performance.now() + PLACEMENT_MS
    const failures: unknown[] = []
    const refusing = new Set<string>()
    let { requires } = this.#actor.request
    let missing = [...numbers]
    while (missing.length > 0) {
      const offers = await fitting(this.#options.backbone, requires, this.#actor.self.id)
      const willing = offers.filter(({ host }) => !refusing.has(host.id))
      const shares = performance.now() < until ? shareOut(missing, willing, this.#spread.asking) : []
      if (shares.length === 0) throw failures.length === 0 ? this.#nowhere() : worst(failures)
      const started = await Promise.all(shares.map(share => this.#startAt(share.host, share.numbers, until)))
      if (this.#isEnding) throw this.#stopped()
      missing = started.flatMap(({ lost }) => lost)
      for (const { host, error } of started) {
        if (error === undefined) continue
        const isAsking = host.id === this.#spread.asking
        refusing.add(host.id)
        failures.push(isAsking ? error : atHost(host, error))
        if (!anotherMayDo(error, isAsking)) throw worst(failures)
        if (error instanceof ActorPlacementError) requires = { ...requires, ...error.requires }
      }
    }
    // All may have ended during the setup of the last ones.
    if (this.#shares.size === 0) throw this.#stopped()
    this.#isUp = true
  }

  async startAgain(numbers: readonly number[]): Promise<void> {
    try {
      await this.start(numbers, () => undefined)
    } finally {
      // The next host that comes gets the missing instances.
      this.#isUp = true
    }
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    await Promise.all([...this.#shares.keys()].map(host => this.#request(host, 'actors.crewStop', this.#named, STOP_MS).catch(() => undefined))) // prettier-ignore
    this.#shares.clear()
    this.#options.ended()
  }

  /** Does nothing: each host reloads its own instances. */
  reload(): Promise<void> {
    return Promise.resolve()
  }

  reconsider(): void {
    // Each host reconsiders its own instances.
  }

  async updateSubscriptions(): Promise<void> {
    // A host that cannot be reached gets them when it is back.
    await Promise.all(
      [...this.#shares.keys()].map(host => this.#updateSubscriptions(host).catch(() => undefined)),
    )
  }

  /** Each host reports its own instances. */
  status(): never[] {
    return []
  }

  /** Its instances on that host have ended. The actor goes on while other hosts have instances. */
  left(host: string, reason: ExitReason, detail: string): void {
    if (!this.#shares.delete(host) || this.#isEnding) return
    if (this.#isUp && this.#shares.size === 0) this.#actor.endSoon(reason, detail)
  }

  gone(host: string): void {
    if (!this.#shares.has(host)) return
    this.#options.failHeldBy(host)
    this.left(host, 'crashed', 'its host is gone')
  }

  /** That host is back. Both sides may have missed something meanwhile. */
  async came(host: string): Promise<void> {
    if (!this.#isUp) return
    if (this.isOn(host)) {
      const isThere = await this.#request(host, 'actors.crewThere', this.#named, STOP_MS)
      if (isThere) return this.#updateSubscriptions(host)
      this.left(host, 'crashed', 'its host does not have it any more')
    }
    await this.#complete(host)
  }

  /** A host that comes gets the instances that ended with another host, or with the same one before its restart. */
  async #complete(host: string): Promise<void> {
    const { backbone } = this.#options
    if (this.#missing().length === 0) return
    const offers = await fitting(backbone, this.#actor.request.requires, this.#actor.self.id)
    const offer = offers.find(each => each.host.id === host)
    const missing = this.#missing()
    if (offer === undefined || missing.length === 0 || this.#isEnding) return
    // If it refuses, the actor goes on as it is.
    await this.#startAt(offer.host, missing, performance.now() + PLACEMENT_MS)
  }

  #missing(): number[] {
    const placed = new Set([...this.#shares.values()].flat())
    const all = Array.from({ length: this.#actor.request.instances }, (_, index) => index + 1)
    return all.filter(number => !placed.has(number))
  }

  /** @returns the instances that need another host, and why */
  async #startAt(
    host: HostStatus,
    numbers: readonly number[],
    until: number,
  ): Promise<{ host: HostStatus; lost: readonly number[]; error?: unknown }> {
    const { backbone } = this.#options
    const { asking, ticket, awaited } = this.#spread
    const { request, subscriptions } = this.#actor
    const before = this.#shares.get(host.id) ?? []
    this.#shares.set(host.id, [...before, ...numbers])
    const left = Math.max(1, Math.round(until - performance.now()))
    // The caller's host may take longer, as with one instance.
    const within = host.id !== asking ? left : asking === backbone.members.self.id ? undefined : ASKING_MS
    const isAgain = awaited !== undefined && !this.#isUp
    const order = {
      ...{ ...this.#named, request, numbers, asking, ticket, within, isAgain },
      subscriptions: subscriptions(),
    }
    try {
      throwRefusal(await this.#request(host.id, 'actors.crew', order, within && within + 1_000))
      return { host, lost: [] }
    } catch (error) {
      const isUnsure = error instanceof RemoteError || error instanceof TimeoutError
      // They may exist without a use. A host that is cut off asks when it is back.
      if (isUnsure) this.#request(host.id, 'actors.crewStop', this.#named, STOP_MS).catch(() => undefined)
      if (isUnsure || before.length === 0) this.#shares.delete(host.id)
      else this.#shares.set(host.id, before)
      return { host, lost: isUnsure ? [...before, ...numbers] : numbers, error }
    }
  }

  async #updateSubscriptions(host: string): Promise<void> {
    const args = { ...this.#named, subscriptions: this.#actor.subscriptions() }
    await this.#request(host, 'actors.crewSubscribe', args, STOP_MS)
  }

  get #named(): { van: string; self: ActorAddress } {
    const { van, self } = this.#actor
    return { van, self }
  }

  #request<N extends RequestName>(
    host: string,
    name: N,
    args: SentRequest<N>,
    ms: number | undefined,
  ): Promise<AnswerTo<N>> {
    const answer = this.#options.backbone.request(host, name, args)
    return ms === undefined ? answer : inTime(answer, ms, `Host ${host}`)
  }

  /** Resolves when the hosts that had instances before are here, or did not come in time. */
  async #hostsBack(): Promise<void> {
    const { awaited = [] } = this.#spread
    const { members } = this.#options.backbone
    const areBack = (): boolean => {
      const there = new Set(members.list().map(({ id }) => id))
      return awaited.every(host => there.has(host))
    }
    if (areBack()) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        unwatch()
        resolve()
      }
      const timer = setTimeout(done, AWAITED_MS).unref()
      const unwatch = members.watch(() => {
        if (areBack()) done()
      })
    })
  }

  #nowhere(): ActorPlacementError {
    const { self, request } = this.#actor
    const title = titleOf({ ...request, name: self.name })
    return new ActorPlacementError(`Actor ${title}: no reachable host meets its requirements.`)
  }

  #stopped(): ActorStoppedError {
    return new ActorStoppedError(`Actor ${label(this.#actor.self)} was stopped during its setup.`)
  }
}
