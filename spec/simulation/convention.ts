import { Leader } from '../../src/host/backbone/leader/leader.js'
import type { Place } from './place.js'
import type { Plan } from './plan.js'
import type { Acted } from './sim-actors.js'
import type { SimClient } from './sim-client.js'
import type { SimDisk } from './sim-disk.js'
import { SimFollower } from './sim-follower.js'
import { SimHost, type Subscriptions } from './sim-host.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const LEADER = 'sim:host'

export interface ConventionOptions {
  readonly spawn: (name: string) => VirtualProcess
  readonly processOf: (pid: number) => VirtualProcess | undefined
  readonly clients: () => readonly SimClient[]
  readonly disk: (place: Place, killed: () => void) => SimDisk
  /** Who starts hosts again. */
  readonly operator: VirtualProcess
  readonly leaderStarted: () => void
  /** What the workers of the leader's actors do; undefined: it has none. */
  readonly acted: () => Acted | undefined
  /** What its log says. */
  readonly leaderWarned: (text: string) => void
}

interface Joined {
  readonly place: SimFollower
  readonly host: SimHost
  readonly disk: SimDisk | undefined
}

/** All hosts of a world: one alone, or a leader with its followers. */
export class Convention {
  readonly leader: SimHost
  readonly leading: Place
  readonly followers: readonly Joined[]
  readonly #stage: Stage
  readonly #plan: Plan
  readonly #options: ConventionOptions
  readonly #disk: SimDisk | undefined

  constructor(stage: Stage, plan: Plan, options: ConventionOptions) {
    const { books, trace } = stage
    this.#stage = stage
    this.#plan = plan
    this.#options = options
    this.leading = {
      ...{ name: 'host', url: LEADER, isLeader: true, isJoined: true, joined: undefined },
      ...{ lapses: 0, troubles: 0, knownUntil: undefined, isKept: plan.isStored, failedAt: -1 },
    }
    books.leader = this.leading
    const { isStored, followers } = plan
    trace.count(isStored ? 'stored hosts' : 'hosts in memory')
    if (isStored) this.#disk = options.disk(this.leading, () => this.kill(this.leader))
    const { spawn, processOf } = options
    this.leader = new SimHost(stage, {
      ...{ name: 'host', url: LEADER, sessionTtl: plan.sessionTtl, disk: this.#disk, spawn, processOf },
      ...(followers.length === 0 ? {} : { backbone: () => options => new Leader(options) }),
      ending: () => {
        for (const client of this.#clientsAt(this.leading)) client.hostEnds()
        for (const { place } of this.followers) place.trouble()
      },
      ended: (how, status, { hasWrittenAll }) =>
        books.hostEnded(
          this.leading,
          { isKept: isStored, keepsNames: isStored || how === 'killed', hasWrittenAll },
          status,
        ),
      started: (process, goesOn) => {
        if (goesOn) return
        options.leaderStarted()
        books.hostStarted(this.leading, process)
      },
      acted: options.acted,
      warned: options.leaderWarned,
    })
    this.followers = followers.map((isKept, at) => this.#follower(isKept, `follower${at + 1}`))
  }

  get places(): readonly Place[] {
    return [this.leading, ...this.followers.map(({ place }) => place)]
  }

  get hosts(): readonly SimHost[] {
    return [this.leader, ...this.followers.map(({ host }) => host)]
  }

  get disks(): readonly SimDisk[] {
    return [this.#disk, ...this.followers.map(({ disk }) => disk)].flatMap(disk => disk ?? [])
  }

  /** Of what the leader keeps. @returns undefined if there is none */
  damage(van: string): { readonly messages: number } | undefined {
    return this.#disk?.damage(van)
  }

  start(): void {
    for (const host of this.hosts) host.start()
  }

  kill(host: SimHost): void {
    if (host === this.leader && host.isUp && this.followers.length > 0)
      this.#stage.trace.count('leader kills')
    host.kill()
    this.#startSoon(host)
  }

  stop(host: SimHost): void {
    if (host === this.leader && host.isUp && this.followers.length > 0)
      this.#stage.trace.count('leader stops')
    host.stop()
    this.#startSoon(host)
  }

  /**
   * It is restarted without a store: the next one goes on with all that it had. Followers are started in other ways.
   *
   * @param isOther the next one is of another protocol
   */
  restart(isOther: boolean): void {
    if (!this.leader.isUp || this.leader.isKept) return
    for (const { place } of this.followers) place.trouble()
    for (const client of this.#options.clients()) client.handedOver()
    this.leader.handOver(isOther)
    this.#startSoon(this.leader)
  }

  /** A follower is restarted: the next one goes on with what it had in memory, or at the leader with what its store has. */
  restartFollower({ host, place }: Joined): void {
    if (!host.isUp) return
    place.trouble()
    for (const client of this.#clientsAt(place)) client.handedOver()
    if (host.isKept) host.stop(true)
    else host.handOver(false)
    this.#startSoon(host)
  }

  /** What may befall the link between a follower and the leader. */
  breakLink({ place }: Joined, what: 'cut' | 'black hole' | 'stall'): void {
    const { network, trace } = this.#stage
    const { process } = place
    if (process?.isDead !== false) return
    if (network.isInTouch(process)) trace.count(`host link ${what}s`)
    place.trouble()
    if (what === 'cut') network.cut(process)
    else if (what === 'black hole') network.blackHole(process)
    else network.stall(process)
  }

  isolate({ place }: Joined, milliseconds: number): void {
    if (place.process?.isDead !== false) return
    place.trouble()
    this.#stage.network.isolate(place.process, milliseconds)
  }

  /** It stands still, as if stopped, and its leader gives its connection up. */
  freeze(follower: Joined, milliseconds: number): void {
    const { place } = follower
    const { clock, trace } = this.#stage
    if (place.process?.isDead !== false || place.process.blockedUntil > clock.now) return
    trace.say(place.name, () => `STANDS STILL for ${milliseconds} ms`)
    trace.count('follower freezes')
    this.breakLink(follower, 'cut')
    place.process.blockedUntil = clock.now + milliseconds
  }

  /** As one that has an older msgvan its leader refuses it, until it is upgraded. */
  outdate(follower: Joined, milliseconds: number): void {
    const { place } = follower
    const { clock, trace } = this.#stage
    if (place.process?.isDead !== false || place.isOlder) return
    trace.say(place.name, () => `is OLDER for ${milliseconds} ms`)
    trace.count('older followers')
    place.isOlder = true
    this.breakLink(follower, 'cut')
    clock.schedule(milliseconds, () => (place.isOlder = false), this.#options.operator)
  }

  /** Of all hosts. */
  async status(): Promise<Subscriptions> {
    const parts = await Promise.all(this.hosts.map(host => host.status()))
    return { subscriptions: parts.flatMap(({ subscriptions }) => subscriptions) }
  }

  get isUp(): boolean {
    return this.hosts.every(({ isUp }) => isUp)
  }

  #follower(isKept: boolean, name: string): Joined {
    const { books, trace } = this.#stage
    const { spawn, processOf, clients } = this.#options
    const place = new SimFollower(this.#stage, {
      name,
      url: `sim:${name}`,
      leader: this.leader,
      isKept,
      clients,
    })
    trace.count('followers')
    trace.count(isKept ? 'stored followers' : 'followers in memory')
    const disk = isKept ? this.#options.disk(place, () => this.kill(host)) : undefined
    const host: SimHost = new SimHost(this.#stage, {
      ...{ name: 'follower', url: place.url, sessionTtl: this.#plan.sessionTtl, disk, spawn, processOf },
      isFollower: true,
      backbone: (process, goesOn) => place.begins(process, goesOn),
      ending: () => {
        for (const client of this.#clientsAt(place)) client.hostEnds()
        place.ends()
      },
      ended: (_, status, { hasWrittenAll }) =>
        books.hostEnded(place, { isKept, keepsNames: true, hasWrittenAll }, status),
      started: (process, goesOn) => {
        if (!goesOn) books.hostStarted(place, process)
      },
      acted: () => undefined,
      warned: () => undefined,
    })
    return { place, host, disk }
  }

  #clientsAt(place: Place): SimClient[] {
    return this.#options.clients().filter(client => client.place === place)
  }

  #startSoon(host: SimHost): void {
    const { random, clock } = this.#stage
    const away = random.chance(0.8) ? random.between(1, 100) : random.between(100, 3_000)
    clock.schedule(away, () => host.start(), this.#options.operator)
  }
}
