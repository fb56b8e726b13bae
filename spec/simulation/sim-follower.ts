import { Follower } from '../../src/host/backbone/follower/follower.js'
import type { MakeBackbone } from '../../src/host/backbone/make-backbone.js'
import type { Dial } from '../../src/client/connection/dial-socket.js'
import { FrameKind } from '../../src/wire/frames/frames.js'
import type { Welcome } from '../../src/wire/handshake.js'
import type { SubscriptionAccount } from './account.js'
import type { Place } from './place.js'
import type { SimClient } from './sim-client.js'
import type { SimHost } from './sim-host.js'
import { secret, type Stage } from './stage.js'
import { olderDial } from './upgrading.js'
import type { VirtualProcess } from './virtual-process.js'

/** Longer than a follower waits for others to come to a new leader, and than any link stands still. */
const STEADY_MS = 10_000

export interface SimFollowerOptions {
  readonly name: string
  readonly url: string
  readonly leader: SimHost
  /** What it owes is still there after its end. */
  readonly isKept: boolean
  /** Those of all hosts. */
  readonly clients: () => readonly SimClient[]
}

/** The place of a follower, as the books know it: how far it and its leader have heard of each other. */
export class SimFollower implements Place {
  readonly isLeader = false
  failedAt = -1
  lapses = 0
  troubles = 0
  /** It greets the leader by another protocol. */
  isOlder = false
  readonly #stage: Stage
  readonly #options: SimFollowerOptions
  #process: VirtualProcess | undefined
  /** The run of the leader that it joined last. */
  #joined: VirtualProcess | undefined
  #hasSession = false
  #knownUntil = Infinity
  #lastTrouble = 0
  /** Since all was at rest the leader may have given to others what it had handed out here. */
  #hasLapsed = false
  #backs: (() => void)[] = []

  constructor(stage: Stage, options: SimFollowerOptions) {
    this.#stage = stage
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get url(): string {
    return this.#options.url
  }

  get isKept(): boolean {
    return this.#options.isKept
  }

  get process(): VirtualProcess | undefined {
    return this.#process
  }

  get isJoined(): boolean {
    return this.#joined !== undefined && !this.#joined.isDead && this.#isInTouch
  }

  get joined(): VirtualProcess | undefined {
    return this.#joined
  }

  get knownUntil(): number | undefined {
    return this.#isSteady ? undefined : this.#knownUntil
  }

  /** One run of it begins. @param goesOn with all that the one before had @returns how that one joins the leader */
  begins(process: VirtualProcess, goesOn: boolean): MakeBackbone {
    this.trouble()
    this.#process = process
    this.#joined = undefined
    this.#hasSession = false
    // A host that has never reached its leader keeps everything for it.
    if (!goesOn) this.#knownUntil = Infinity
    return options =>
      new Follower({
        ...options,
        leader: this.#options.leader.url,
        credential: () => Promise.resolve({ secret }),
        seat: this.name,
        maxPayload: 8 * 1024 * 1024,
        dial: this.#dialFrom(process),
      })
  }

  /** It and its leader lose sight of each other, or may. */
  trouble(): void {
    const hasJoinedOnce = this.#joined !== undefined && this.#knownUntil === Infinity
    if (hasJoinedOnce || this.#isSteady) this.#knownUntil = this.#stage.clock.now
    this.#lastTrouble = this.#stage.clock.now
    this.troubles += 1
    const { clock } = this.#stage
    for (const account of this.#kept()) this.#backs.push(account.goesAway(() => clock.now))
  }

  /** This run of it ends: what its clients had of the leader goes to others. */
  ends(): void {
    this.trouble()
    this.#lapse(2)
  }

  /** All is at rest: what was still on its way to its clients when the leader took it back is there by now. */
  settles(): void {
    if (this.#hasLapsed) this.lapses += 1
    this.#hasLapsed = false
  }

  get #isInTouch(): boolean {
    const process = this.#process
    return process?.isDead === false && this.#stage.network.isInTouch(process)
  }

  get #isSteady(): boolean {
    return this.isJoined && this.#stage.clock.now - this.#lastTrouble >= STEADY_MS
  }

  #dialFrom(process: VirtualProcess): Dial {
    const { network } = this.#stage
    const dial = olderDial(network.dialFrom(process), () => this.isOlder)
    return (url, listener, patience) =>
      dial(
        url,
        {
          opened: ends => listener.opened(ends),
          event: (name, value) => {
            if (value instanceof Uint8Array && value[0] === FrameKind.Lapsed) this.#lapse(1)
            if (name === 'welcome') this.#welcome(value as Welcome, () => listener.event(name, value))
            else listener.event(name, value)
          },
          ended: end => listener.ended(end),
        },
        patience,
      )
  }

  #welcome({ resumed }: Welcome, hear: () => void): void {
    const { trace, network } = this.#stage
    if (this.#hasSession && !resumed) {
      trace.say(this.name, () => 'is not known to its leader any more')
      trace.count('leader links lost')
      this.#lapse(2)
    }
    this.trouble()
    this.#hasSession = true
    this.#joined = this.#process && network.hostOf(this.#process)
    hear()
    for (const back of this.#backs.splice(0)) back()
    for (const client of this.#clients()) client.rejoined()
  }

  /** @param losses how often each message that was handed out here may have failed by it */
  #lapse(losses: number): void {
    this.#hasLapsed = true
    this.lapses += 1
    for (const account of this.#kept()) {
      this.#stage.books.expire(account)
      account.losses += losses
    }
  }

  #clients(): SimClient[] {
    return this.#options.clients().filter(({ place }) => place === this)
  }

  /** What its clients have of the leader: names and replays. */
  #kept(): Set<SubscriptionAccount> {
    const members = this.#clients().flatMap(client => client.members)
    return new Set(
      members.map(({ account }) => account).filter(({ isNamed, isReplay }) => isNamed || isReplay),
    )
  }
}
