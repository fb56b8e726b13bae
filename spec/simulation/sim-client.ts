import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { FrameKind } from '../../src/wire/frames/frames.js'
import type { Welcome } from '../../src/wire/handshake.js'
import { GapError, MsgvanError, type Bus, type BusState, StoreError } from '../../src/index.js'
import { identityOf } from '../support/identity.js'
import type { Outcome, Publication, Rules, SubscriptionAccount } from './account.js'
import type { Manner } from './manner.js'
import { Member } from './member.js'
import type { Place } from './place.js'
import { secret, van, type Stage } from './stage.js'
import { VirtualProcess } from './virtual-process.js'

/** Of a publish, by its promise. */
const refusals = ['MSGVAN_OVERFLOW', 'MSGVAN_OUTBOX_FULL', 'MSGVAN_STORE', 'MSGVAN_STORE_FULL']

export interface ClientOptions {
  readonly outbox: number
  /** The host can see that this process is dead. */
  readonly tellsPid: boolean
  readonly topics: readonly [string, ...string[]]
  /** Some payloads publish while they are encoded. */
  readonly answers: boolean
  /** Bytes that some messages carry. */
  readonly ballast: number
  /** After so long its host ends its session, if it does not see sooner that it is dead. */
  readonly sessionTtl: number
}

/** Until a host has noticed that a line is lost, and what it took back is with others. */
const NOTICED_MS = 500
/** It knows what no process of the world sees. */
const bystander = new VirtualProcess('bystander', 0)

/** One app: a process with a bus over a link to the host. */
export class SimClient {
  readonly bus: Bus
  readonly members: Member[] = []
  /** How many sessions it has lost. */
  epoch = 0
  /** How often it was told that it had been silent for too long. */
  lapses = 0
  isOver = false
  isClosing = false
  readonly #stage: Stage
  readonly #options: ClientOptions
  readonly #open = new Set<Publication>()
  /** The host that its session is with, as a run of it. */
  host: VirtualProcess | undefined
  #hasSession = false
  /** The memory, or store, that its host named last. */
  #memory: string | undefined
  #gaps: GapError[] = []
  #state: BusState = 'connecting'
  #lastMember = 0

  constructor(
    readonly process: VirtualProcess,
    readonly place: Place,
    stage: Stage,
    options: ClientOptions,
  ) {
    this.#stage = stage
    this.#options = options
    const broker = new RemoteBroker({
      dial: (url, listener, patience) =>
        stage.network.dialFrom(process)(
          url,
          {
            opened: ends => listener.opened(ends),
            event: (name, value) => {
              if (value instanceof Uint8Array && value[0] === FrameKind.Lapsed) this.#lapsed()
              if (name === 'welcome') this.#welcome(value as Welcome, () => listener.event(name, value))
              else listener.event(name, value)
            },
            ended: end => listener.ended(end),
          },
          patience,
        ),
      url: place.url,
      van,
      secret: () => Promise.resolve({ secret }),
      client: identityOf(process.name),
      outbox: { maxMessages: options.outbox },
      backoff: { initial: 20, max: 200 },
      readyTimeout: 3_600_000,
      ...(options.tellsPid ? { pid: process.pid } : {}),
    })
    this.bus = createBus(van, broker)
    this.bus.state$.subscribe(state => (this.#state = state))
    this.bus.errors$.subscribe(error => this.#told(error))
  }

  get isGone(): boolean {
    return this.process.isDead || this.isClosing
  }

  publishSome(count: number): void {
    if (this.isGone) return
    const { random } = this.#stage
    for (let done = 0; done < count; done += 1) this.#publish(random.pick(this.#options.topics))
  }

  /** @param partner of a second topic that goes into the same pipeline */
  subscribe(rules: Rules, manner: Manner, partner?: Rules): Member {
    const member = this.#newMember(rules, manner)
    const partners = partner === undefined ? [] : [this.#newMember(partner, manner)]
    member.join(partners)
    for (const each of [member, ...partners]) this.#awaitForce(each)
    return member
  }

  #newMember(rules: Rules, manner: Manner): Member {
    const { books, random, trace } = this.#stage
    this.#lastMember += 1
    const name = `${this.process.name}.${this.#lastMember}`
    const account = books.subscribed(rules.name ?? name, rules, this.place)
    const member = new Member(name, this, account, manner, books, random, trace)
    this.members.push(member)
    trace.say(name, () => `subscribes to ${account.key}, ${JSON.stringify({ ...rules, ...manner })}`)
    return member
  }

  /** A consumer has left: until the host knows it gives back what that one never saw. */
  left(account: SubscriptionAccount): void {
    if (!account.isNamed) account.isVoid = true
    const isKnown = account.goesAway(() => this.#stage.clock.now)
    this.bus.ready().then(isKnown, () => undefined)
  }

  /** One whose payload publishes something else while it is encoded. */
  publishAnswering(): void {
    if (this.isGone) return
    this.#stage.trace.count('payloads that publish')
    const { topics } = this.#options
    this.#publish(this.#stage.random.pick(topics), () => this.#publish('v.a'))
  }

  /** Its event loop stands still. What has to be settled in time may fail by that, here or at the host. */
  block(milliseconds: number): void {
    const { trace, clock } = this.#stage
    trace.say(this.process.name, () => `STANDS STILL for ${milliseconds} ms`)
    trace.count('blocks')
    this.process.blockedUntil = clock.now + milliseconds
    this.#mayHaveLapsed()
    clock.schedule(milliseconds, () => this.#mayHaveLapsed(), this.process)
  }

  die(): void {
    if (this.process.isDead) return
    const { network, trace, clock } = this.#stage
    trace.say(this.process.name, () => 'DIES')
    trace.count('deaths')
    this.#lose()
    const isKnown = [...this.#accounts].map(account => account.goesAway(() => clock.now))
    const tell = (): void => isKnown.forEach(each => each())
    clock.schedule(this.#options.sessionTtl + NOTICED_MS, tell, bystander)
    this.process.isDead = true
    this.isOver = true
    network.died(this.process)
    for (const publication of this.#open) publication.outcome = 'unknown'
    for (const { account } of this.members) if (!account.isNamed) account.isVoid = true
  }

  /** @returns settled when its bus has closed */
  async close(drain: boolean): Promise<void> {
    const { trace, clock, network, books } = this.#stage
    trace.say(this.process.name, () => (drain ? 'CLOSES' : 'CLOSES without draining'))
    trace.count('closes')
    const accounts = [...this.#accounts]
    this.isClosing = true
    const isKnown = accounts.map(account => account.goesAway(() => clock.now))
    for (const account of accounts) if (!account.isNamed) account.isVoid = true
    const troubles = this.#state === 'connected' ? network.troublesOf(this.process) : undefined
    await this.bus.close({ drain, timeout: 500 })
    for (const account of accounts) books.expire(account)
    this.isOver = true
    trace.say(this.process.name, () => 'is closed')
    for (const tell of isKnown) tell()
    // Without a goodbye that arrives, the host takes it for dead.
    if (troubles === undefined || network.troublesOf(this.process) !== troubles) this.#lose()
  }

  /** @param encoding called while it is encoded */
  #publish(topic: string, encoding?: () => void): void {
    const { books, trace, random } = this.#stage
    const key = random.pick(['a', 'b', 'c', undefined])
    const publication = books.published(this.process.name, topic, key, this.place)
    const { number, headers } = publication
    const ballast = random.chance(0.1) ? new Uint8Array(this.#options.ballast) : undefined
    this.#open.add(publication)
    if (this.host?.hasEnded === false) publication.sentTo.add(this.host)
    trace.say(
      this.process.name,
      () => `publishes #${number} ${topic}${key === undefined ? '' : `, key ${key}`}`,
    )
    trace.count('published')
    const payload: object = { number, ballast }
    let isEncoded = false
    if (encoding !== undefined)
      Object.defineProperty(payload, 'answer', {
        enumerable: true,
        get: () => {
          if (!isEncoded) encoding()
          isEncoded = true
          return 'answered'
        },
      })
    this.bus.publish(topic, payload, key === undefined ? { headers } : { headers, key }).then(
      () => this.#published(publication, 'accepted'),
      (error: unknown) => this.#refused(publication, error),
    )
  }

  /** Its host is about to end. If they had lost touch it may have been taken for dead, and never learns it. */
  hostEnds(): void {
    if (!this.process.isDead && !this.#stage.network.isInTouch(this.process)) this.#lose()
  }

  #published(publication: Publication, outcome: Outcome): void {
    // What a dead process would have learned does not count.
    if (this.process.isDead) return
    this.#open.delete(publication)
    this.#stage.trace.say(this.process.name, () => `#${publication.number} is ${outcome}`)
    this.#stage.books.settledPublish(publication, outcome, this.host)
  }

  #refused(publication: Publication, error: unknown): void {
    const code = error instanceof MsgvanError ? error.code : String(error)
    switch (code) {
      case 'MSGVAN_OVERFLOW':
      case 'MSGVAN_OUTBOX_FULL':
      case 'MSGVAN_STORE_FULL':
        this.#stage.trace.count(`refused, ${code}`)
        // What the leader refuses the subscribers of a follower have.
        return this.#published(publication, this.place.isLeader ? 'refused' : 'unkept')
      case 'MSGVAN_STORE':
        this.#stage.trace.count(`refused, ${code}`)
        return this.#published(publication, 'unkept')
      case 'MSGVAN_CLOSED':
        if (this.isClosing) return this.#published(publication, 'unknown')
    }
    this.#stage.books.violated(`#${publication.number} was rejected: ${String(error)}`)
  }

  #told(error: MsgvanError): void {
    if (this.process.isDead || error.code === 'MSGVAN_SUBSCRIBER') return
    const { trace, books } = this.#stage
    trace.say(this.process.name, () => `is told: ${error.message}`)
    if (['MSGVAN_DRAIN_TIMEOUT', 'MSGVAN_CLOSED'].includes(error.code) && this.isClosing) return
    // Its publish is rejected, too.
    if (refusals.includes(error.code)) return
    if (error.code === 'MSGVAN_HOST_UNREACHABLE') return trace.count('told of an outage')
    if (error.code === 'MSGVAN_SLOW_SUBSCRIPTION') return trace.count('told of a slow subscription')
    if (error.code !== 'MSGVAN_GAP') {
      books.violated(`${this.process.name} was told ${error.code}: ${error.message}`)
      return
    }
    trace.count('gaps')
    if (error instanceof GapError) this.#gaps.push(error)
    for (const { hasLeft, account } of this.members) if (!hasLeft && !account.isNamed) account.beginAnew()
    if (!this.place.isLeader) this.rejoined()
  }

  /** Its host and the leader know of each other again, or of what they have lost. */
  rejoined(): void {
    if (this.isGone) return
    for (const member of this.members) if (!member.hasLeft) this.#awaitForce(member)
  }

  /** @param hear has the bus hear of it */
  #welcome({ resumed, restored, memory }: Welcome, hear: () => void): void {
    const run = this.#stage.network.hostOf(this.process)
    const hasLost = this.#hasSession && !resumed
    this.#stage.trace.say(
      this.process.name,
      () => `is welcomed${resumed ? ', resumed' : ''}${restored === true ? ', restored' : ''}`,
    )
    const isOther = this.host?.origin !== run?.origin
    const missing = restored === true ? [] : this.#inForce(memory !== undefined && memory !== this.#memory)
    if (hasLost) {
      this.#stage.trace.count('sessions lost')
      // A host that is a new one has nobody fail.
      if (!isOther) this.#lose()
      this.epoch += 1
      this.#gaps = []
    }
    this.#hasSession = true
    this.#memory = memory
    this.host = run
    if (run !== undefined) for (const publication of this.#open) publication.sentTo.add(run)
    hear()
    if (!hasLost) return
    if (missing.length > 0) this.#mustBeTold(missing)
    for (const member of this.members) if (!member.hasLeft) this.#awaitForce(member)
  }

  /** What it subscribes to and may have missed messages of. @param namesToo what waited for those is gone */
  #inForce(namesToo: boolean): SubscriptionAccount[] {
    const isConcerned = (account: SubscriptionAccount) =>
      // One that comes back by `retry` after a delay may not be there right now.
      account.isNamed ? namesToo && !account.isRestless : account.certainFrom !== undefined
    return this.members
      .filter(({ hasLeft, isInForce, account }) => !hasLeft && isInForce && isConcerned(account))
      .map(({ account }) => account)
  }

  #mustBeTold(accounts: readonly SubscriptionAccount[]): void {
    const patterns = this.#gaps.flatMap(gap => gap.patterns)
    const names = this.#gaps.flatMap(gap => gap.names)
    for (const { key, rules } of accounts) {
      const { name, pattern } = rules
      const isTold = name === undefined ? patterns.includes(String(pattern)) : names.includes(name)
      if (!this.isClosing && !isTold)
        this.#stage.books.violated(`${this.process.name} was not told that it may have missed some of ${key}`)
    }
  }

  /** What those held that have to settle in time may have failed by this, and goes back. */
  #lapsed(): void {
    this.#stage.trace.say(this.process.name, () => 'is told that it was SILENT')
    this.#stage.trace.count('lapses')
    this.#mayHaveLapsed()
  }

  /** Its host, or the leader of that, hands over: what has to be settled in time has the time anew. */
  handedOver(): void {
    if (!this.process.isDead) this.#mayHaveLapsed()
  }

  #mayHaveLapsed(): void {
    this.lapses += 1
    for (const account of this.#accounts) {
      if (account.rules.ackTimeout === 0) continue
      this.#stage.books.expire(account)
      account.losses += 1
    }
  }

  /** All that its consumers held may have failed by this, and goes back. */
  #lose(): void {
    for (const account of this.#accounts) {
      this.#stage.books.expire(account)
      // Of one that has to settle in time the host may have missed first a word, and then its end.
      account.losses += account.rules.ackTimeout === 0 ? 1 : 2
    }
  }

  get #accounts(): Set<SubscriptionAccount> {
    return new Set(this.members.map(({ account }) => account))
  }

  #awaitForce(member: Member): void {
    const { epoch, place } = this
    const { account } = member
    const { troubles } = place
    const inForce = (): void => {
      if (this.host?.isDead !== false) return
      // Whoever cannot reach the leader is ready without it: it is asked again when it can.
      if (!place.isJoined || this.isGone) return
      if (place.troubles !== troubles) return this.#awaitForce(member)
      // It left before this host, or the leader, could know of it.
      if (member.hasLeft && (this.epoch !== epoch || !place.isLeader)) return
      this.#stage.trace.say(member.name, () => 'is in force')
      member.isInForce = true
      if (this.epoch === epoch || account.isNamed) this.#stage.books.inForce(account)
    }
    this.bus.ready().then(inForce, (error: unknown) => {
      if (error instanceof StoreError && this.epoch === epoch) account.wasNotKept()
    })
  }
}
