import { answerParts, type Answer } from '../answer-parts.js'
import { relayRules, type Relay } from '../../../broker/routing/relay.js'
import type { AskedOfHosts, CallArgs, SentArgs } from '../../../wire/calls.js'
import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import type { Credential } from '../../../client/connection/connection.js'
import type { Dial } from '../../../client/connection/dial-socket.js'
import { RemoteBroker } from '../../../client/remote-broker.js'
import { ClosedError, describe, MsgvanError, StoreDamagedError, StoreError } from '../../../errors.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import type { Envelope } from '../../../message/envelope.js'
import { fromWireError, toWireError, type Missed } from '../../../wire/frames/control-frames.js'
import { Fields } from '../../../wire/frames/fields.js'
import { broken } from '../../../wire/protocol.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import { decodeAsk, decodeFields, decodeInterest, encodeInterest } from '../../../wire/frames/host-frames.js'
import { encodePattern } from '../../../wire/frames/subscription-request.js'
import type { Names, Reach, ReachingVan, Standing } from '../backbone.js'
import { doesNotLead } from '../alone.js'
import { deferred } from '../deferred.js'
import { hostOf } from '../host-fields.js'
import { REQUEST, TELL } from '../leader/follower-session.js'
import { inTime, noSuchHost, REQUEST_MS } from '../host-requests.js'
import { Interests } from '../interests.js'
import { LeaderIntake } from './leader-intake.js'
import { LeaderForwarder } from './leader-forwarder.js'
import { Seen } from './seen.js'
import { Wants } from '../leader/wants.js'

export interface LeaderLinkOptions {
  readonly van: ReachingVan
  readonly leader: string
  readonly credential: () => Promise<Credential | undefined>
  readonly ca: string | undefined
  readonly dial: Dial | undefined
  readonly seat: string
  readonly maxPayload: number
  readonly self: () => HostStatus
  /** The host whose place this one takes. */
  readonly before: () => string | undefined
  readonly hosts: (hosts: readonly HostStatus[]) => void
  readonly up: (isUp: boolean) => void
  /** Another host's request. */
  readonly requested: (name: string, body: unknown, from: string) => Promise<unknown>
  readonly failed: (error: MsgvanError) => void
  readonly warn: (text: string) => void
  readonly closed: () => void
}

/** Milliseconds that the followers and clients of a dead leader have to come to the next one. */
const SETTLING_MS = 5_000

/**
 * One van's link from a follower to its leader: a client's link, which also reports the wanted patterns and passes on
 * others' publishes.
 */
export class LeaderLink implements Reach, Names {
  readonly #options: LeaderLinkOptions
  readonly #remote: RemoteBroker
  readonly relay: Relay
  readonly #passage: LeaderForwarder
  readonly #interests = new Interests<'here' | 'leader'>()
  readonly seen: Seen
  readonly #wants: Wants
  /** A session has begun, and the leader has not sent the patterns that it wants yet. */
  #awaitsWants = true
  /** Messages pass. */
  #isOpen = false
  #settling: NodeJS.Timeout | undefined
  readonly #placed = new WeakMap<Membership, Promise<void>>()
  #isUp = false
  #wasUp = false
  /** Subscriptions of this host that the leader's publishers wait for, by id. */
  readonly #crowded = new Map<string, RegExp | string>()
  /** The standing of another process with the leader: the messages missed since are not known yet. */
  #hasBefore = false
  /** The outcome of the present attempt to connect is unknown: `ready` waits for it. */
  #firstAttempt: { readonly over: Promise<void>; readonly end: () => void } | undefined = deferred()
  #down = deferred()

  constructor(options: LeaderLinkOptions) {
    this.#options = options
    const { van, leader, credential, ca, dial, maxPayload } = options
    const outbox = van.outbox()
    this.seen = new Seen(van.marks)
    this.#remote = new RemoteBroker({
      url: leader,
      van: van.name,
      secret: credential,
      maxPayload,
      ...(ca === undefined ? {} : { ca }),
      ...(dial === undefined ? {} : { dial }),
      asHost: {
        frame: (kind, body) => this.#frame(kind, body),
        failed: error => {
          this.#endFirstAttempt()
          if (!this.#isUp) this.#passage.shut()
          options.failed(error)
        },
        missed: missed => this.#missed(missed),
      },
    })
    this.#passage = new LeaderForwarder({
      send: envelope => this.#remote.passOn(envelope),
      isWanted: topic => this.relay.takes(topic),
      unwanted: envelope => van.broker.reroute(envelope),
      lost: (envelope, error) => this.#refusedForGood(envelope, error),
      warn: options.warn,
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
    })
    this.relay = van.broker.relay(this.#passage, outbox)
    this.#passage.membership = this.relay.membership
    this.#wants = new Wants(this.relay, options.warn)
    const intake = new LeaderIntake({
      van,
      seen: this.seen,
      from: this.relay,
      failed: options.failed,
      warn: options.warn,
    })
    this.#remote.join(() => this.#introduction(), relayRules, intake)
    van.broker.watchPatterns({
      added: pattern => this.#interests.change('here', [pattern]),
      removed: pattern => this.#interests.change('here', [], [pattern]),
    })
    this.#remote.state$.subscribe(state => this.#turn(state === 'connected'))
    this.#remote.errors$.subscribe(error => {
      // `failed` reports everything else.
      if (error instanceof StoreDamagedError) van.misses(error)
    })
  }

  get van(): string {
    return this.#options.van.name
  }

  async request(host: string, name: string, body: unknown): Promise<unknown> {
    await this.#firstAttempt?.over
    if (!this.#isUp) throw noSuchHost(host)
    const answer = this.#remote.call(REQUEST, { host, name, body })
    const down = this.#down.over.then(() => Promise.reject(noSuchHost(host)))
    return inTime(Promise.race([answer, down]), REQUEST_MS, `Host ${host}`)
  }

  /** Later sessions report it themselves. */
  selfChanged(): void {
    if (this.#isUp) this.#remote.call('backbone.host', { host: this.#options.self() }).catch(() => undefined)
  }

  get standing(): Standing {
    return { wanted: this.#wants.wanted, memory: this.#remote.memory }
  }

  get lost(): readonly Envelope[] {
    return this.#passage.again
  }

  owesAgain(lost: readonly Envelope[]): void {
    this.#passage.owes(lost)
  }

  goOn({ wanted, memory }: Standing): void {
    if (memory === undefined) return
    this.#hasBefore = true
    this.#wants.anew(wanted)
    this.#remote.renews(memory)
  }

  abandon(): void {
    this.#remote.abandon()
    this.#shut()
  }

  get names(): Names {
    return this
  }

  accept(envelope: Envelope): undefined | Promise<void> {
    const { broker } = this.#options.van
    if (!(this.#isOpen || this.#isOpening) || !this.relay.takes(envelope.topic))
      return broker.accept(envelope)
    const passed = this.#passage.await(envelope)
    const held = broker.accept(envelope)
    if (held === undefined) return passed
    held.catch(() => this.#passage.forget(envelope))
    return Promise.all([held, passed]).then(() => undefined)
  }

  /** It will soon be known whether the leader can be reached, and which patterns it wants. */
  get #isOpening(): boolean {
    return this.#firstAttempt !== undefined || (this.#isUp && this.#awaitsWants)
  }

  async ready(): Promise<void> {
    await this.#firstAttempt?.over
    if (this.#isUp) await Promise.race([this.#remote.call('ready'), this.#down.over])
  }

  async ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>): Promise<unknown[]> {
    await this.#firstAttempt?.over
    if (!this.#isUp) return []
    const nothing = Symbol('nothing')
    const answer = await Promise.race([
      this.#remote.call(name, ...([args] as CallArgs<N>)),
      this.#down.over.then(() => nothing),
    ])
    return answer === nothing ? [] : [answer]
  }

  crowded(id: string, pattern: RegExp | string, isCrowded: boolean): void {
    if (isCrowded) this.#crowded.set(id, pattern)
    else this.#crowded.delete(id)
    if (this.#isOpen) this.#sayCrowded(id, pattern, isCrowded)
  }

  #sayCrowded(id: string, pattern: RegExp | string, isCrowded: boolean): void {
    this.#remote.call('backbone.crowded', { id, pattern, isCrowded }).catch(() => undefined)
  }

  tellPublisher(): void {
    // No-op: the leader knows the hosts of its publishers, and none of them publishes here.
  }

  failHeldBy(): void {
    // No-op: the leader owns named subscriptions.
  }

  admit(): never {
    throw doesNotLead()
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const forget = this.#wants.assume(request.pattern)
    const membership = this.#remote.consume(request, consumer)
    // The answer comes behind the subscription itself, and behind the INTEREST that it causes.
    const placed = this.#remote.call('ready').then(forget, (error: unknown) => {
      if (error instanceof StoreError) throw error
      // This host ends. It must not report a false outcome.
      return new Promise<void>(() => undefined)
    })
    placed.catch(() => undefined)
    this.#placed.set(membership, placed)
    return membership
  }

  placed(membership: Membership): Promise<void> | undefined {
    return this.#placed.get(membership)
  }

  async replace(request: SubscriptionRequest & { readonly name: string }): Promise<void> {
    await this.#remote.call('backbone.replace', { request })
  }

  async unsubscribe(name: string): Promise<boolean> {
    return this.#remote.call('unsubscribe', { name })
  }

  close(): void {
    void this.end()
  }
  async end(): Promise<void> {
    this.#endFirstAttempt()
    this.#turn(false)
    this.relay.close()
    this.#options.closed()
    await this.#remote.close({ drain: false })
  }

  /** This host's introduction to the leader, at the beginning of every session. */
  #introduction(): object {
    this.#awaitsWants = true
    const patterns = this.#interests.listen('leader', change => {
      this.#remote.send(FrameKind.Interest, encodeInterest(change))
    })
    const { self, seat, van, before } = this.#options
    const continues = before()
    return {
      ...{ host: self(), seat, patterns: patterns.map(encodePattern), isKept: van.isKept },
      ...(continues === undefined ? {} : { continues }),
    }
  }

  /** It was taken over while the leader was away: its publisher only learns of this by `errors$`. */
  #refusedForGood({ publisher, topic }: Envelope, error: unknown): void {
    const text =
      `The leader refuses a message on ${topic} that this host had taken over from its publisher, for good. ` +
      `It reaches no other host: ${describe(error)}`
    this.#options.warn(`van ${this.van}: ${text}`)
    this.#options.van.tellPublisher(publisher, fromWireError({ ...toWireError(error), text }))
  }

  #frame(kind: FrameKind, body: ByteReader): void {
    switch (kind) {
      case FrameKind.Interest: {
        const { anew, add, remove } = decodeInterest(body)
        if (anew) this.#wants.anew(add)
        else this.#wants.change(add, remove)
        if (anew) this.#awaitsWants = false
        this.#openIfSettled()
        return
      }
      case FrameKind.Hosts:
        return this.#options.hosts(decodeFields(body).list('hosts', 10_000).map(hostOf))
      default: {
        const { id, method, args } = decodeAsk(body)
        this.#asked(method, args).then(
          (value: unknown) => this.#answer({ id, value }),
          (error: unknown) => this.#answer({ id, error: toWireError(error) }),
        )
      }
    }
  }

  #asked(method: string, args: unknown): Promise<unknown> {
    if (method === TELL) {
      const told = new Fields(args, what => broken(`of a host ${what}`))
      const error = fromWireError({ code: told.text('code', 64), text: told.text('text', 10_000) })
      this.#options.van.tellPublisher(told.text('publisher', 200), error)
      return Promise.resolve()
    }
    if (method !== REQUEST) return this.#options.van.answer(method, args)
    const fields = new Fields(args, what => broken(`of a host ${what}`))
    return this.#options.requested(fields.text('name', 100), fields.get('body'), fields.text('from', 100))
  }

  #answer(answer: Answer): void {
    // The asking host may be gone: then no answer is needed.
    for (const part of answerParts(answer)) this.#remote.call('backbone.answer', part).catch(() => undefined)
  }

  /** Messages that were published elsewhere meanwhile, or waited there in a lost memory, do not come here. */
  #missed(missed: Missed): void {
    if (this.#hasBefore) return this.#missedBefore(missed)
    // A subscriber from before this host's first join was promised no messages of others.
    if (!this.#wasUp) return
    this.#tellMissed(missed)
  }

  /** The session belongs to another process: the leader may know that one, and owe this one its messages. */
  #missedBefore(missed: Missed): void {
    this.#hasBefore = false
    this.#remote.call('backbone.continued').then(
      hasContinued => {
        if (hasContinued !== true) this.#tellMissed(missed)
      },
      // Closed, or of a version that does not know it.
      (error: unknown) => {
        if (!(error instanceof ClosedError)) this.#tellMissed(missed)
      },
    )
  }

  #tellMissed(missed: Missed): void {
    this.#options.van.missed(missed)
    const names = missed.named ? ', and the messages of named subscriptions in its memory are lost' : ''
    this.#options.warn(
      `van ${this.van}: the leader at ${this.#options.leader} does not know this host any more. ` +
        `Subscriptions without a name may have missed messages${names}: the clients concerned get a GapError.`,
    )
  }

  #turn(isUp: boolean): void {
    if (isUp) {
      this.#wasUp = true
      this.#endFirstAttempt()
    }
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) {
      this.#down = deferred()
      this.#openIfSettled()
    } else {
      this.#down.end()
      this.#shut()
    }
    this.#options.up(isUp)
  }

  /**
   * A new leader gets time to hear of all patterns of the last one's clients: otherwise kept messages would reach no
   * subscription.
   */
  #openIfSettled(): void {
    if (!this.#isUp || this.#awaitsWants || this.#isOpen) return
    if (!this.#wants.isSettled) {
      this.#settling ??= setTimeout(() => {
        this.#wants.forgetStale()
        this.#openIfSettled()
      }, SETTLING_MS)
      return
    }
    clearTimeout(this.#settling)
    this.#settling = undefined
    this.#isOpen = true
    this.relay.isAway = false
    this.#passage.open()
    for (const [id, pattern] of this.#crowded) this.#sayCrowded(id, pattern, true)
    const lost = this.relay.takeDropped()
    if (lost > 0)
      this.#options.warn(
        `van ${this.van}: ${lost} messages for other hosts were dropped while the leader could not be reached`,
      )
  }

  #shut(): void {
    clearTimeout(this.#settling)
    this.#settling = undefined
    this.#isOpen = false
    this.relay.isAway = true
    this.#passage.shut()
  }

  #endFirstAttempt(): void {
    this.#firstAttempt?.end()
    this.#firstAttempt = undefined
  }
}
