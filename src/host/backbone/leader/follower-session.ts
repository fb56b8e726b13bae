import { AnswerParts } from '../answer-parts.js'
import type { Membership } from '../../../bus/contract/broker.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import { describeHost } from '../host-requests.js'
import { describe, MsgvanError, RemoteError, TimeoutError } from '../../../errors.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import type { Envelope } from '../../../message/envelope.js'
import { isOwnMailbox } from '../../../message/topic.js'
import { fromWireError, toWireError } from '../../../wire/frames/control-frames.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import { decodeInterest, encodeInterest, encodeValue } from '../../../wire/frames/host-frames.js'
import type { Link } from '../../../wire/link.js'
import type { AskedOfHosts, GotArgs, SentArgs } from '../../../wire/calls/calls.js'
import type { AskArgs, LeaderAsk } from '../../../wire/calls/leader-asks.js'
import type { CrowdedArgs } from '../../../wire/calls/subscription-calls.js'
import { hostOf } from '../host-fields.js'
import { mayPass } from '../may-pass.js'
import { PublisherNames } from '../publisher-names.js'
import type { HostQueue } from '../contract/host-queue.js'
import type { HostRef } from '../../../bus/contract/hosts.js'
import type { Interests } from '../interests.js'
import type { Seen } from '../follower/seen.js'
import { PassedReplays, type Resume } from './passed-replays.js'
import { RefusedLines } from './refused-lines.js'

/** The session of another host. */
export interface FollowerClientSession {
  readonly client: string
  /** The rights of the principal. Undefined: the follower may do everything. */
  readonly access?: { readonly principal: { readonly name: string } } | undefined
  /** The address by which it reached this host. */
  readonly address: string
  readonly link: Link
  /** A relay for it in the van: its messages go to the other host. */
  relayTo(subscription: number): HostQueue
  /** The follower's messages of that named subscription fail, as if it had died, and go to others. */
  failHeldBy(name: string): void
  /** Takes out the unnamed subscriptions of its clients: another process takes its place, and asks for them. */
  takeReplays(): ReadonlyMap<string, Membership>
}

export interface FollowerSessionOwner {
  readonly resume: Resume
  /** Milliseconds that clients have to come back. */
  readonly sessionTtl: number
  readonly interests: Interests<FollowerSession | 'here'>
  readonly acceptFrom: (from: HostRef, envelope: Envelope) => undefined | Promise<void> | MsgvanError
  readonly awaitRoom: (from: HostRef, envelope: Envelope) => undefined | Promise<void>
  readonly seen: Seen
  /** The follower gets matching messages from now on. */
  readonly wanted: (pattern: RegExp | string) => void
  warn(text: string): void
  /** The follower can be reached, or cannot any more. */
  attached(follower: FollowerSession, isAttached: boolean): void
  /**
   * @param mailboxes its mailboxes
   */
  left(follower: FollowerSession, mailboxes: readonly string[]): void
  /** The follower makes a request to that host. */
  request(host: string, name: string, body: unknown, from: string): Promise<unknown>
}

const ANSWER_MS = 5_000
/** A question without an answer yet. */
interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly parts: AnswerParts
}

/** The method of one host's request to another. */
export const REQUEST = 'backbone.request'
/** The method of a notice to a client of another host. */
export const TELL = 'backbone.tell'

/** A follower, in a van of its leader. */
export class FollowerSession {
  readonly session: FollowerClientSession
  readonly #owner: FollowerSessionOwner
  readonly #asked = new Map<number, Asked>()
  readonly relay: HostQueue
  /** The follower took the place of another process, which this host knew. */
  hasContinued = false
  /** Another process took its place. */
  hasPassed = false
  readonly #refused = new RefusedLines()
  readonly #names: PublisherNames
  /** Of the process before it. */
  readonly replays: PassedReplays
  /** The patterns that it had when another process took its place. */
  #passed: readonly (RegExp | string)[] | undefined
  #lastAsked = 0
  /** The last frame with wanted patterns for it. */
  #lastInterest = 0
  #waiting: { readonly until: number; readonly resolve: () => void }[] = []

  constructor(
    session: FollowerClientSession,
    relay: HostQueue,
    public host: HostStatus,
    /** The same for every host that runs in its place, one after the other. */
    readonly seat: string,
    /** The follower has a store: after its death it has its present messages again. */
    readonly isKept: boolean,
    owner: FollowerSessionOwner,
  ) {
    this.session = session
    this.relay = relay
    this.#owner = owner
    this.#names = new PublisherNames(seat)
    this.replays = new PassedReplays(owner.resume)
  }

  get isAttached(): boolean {
    return this.session.link.isAttached
  }

  /** The follower's introduction: all patterns that it wants. */
  begin(patterns: readonly (RegExp | string)[]): void {
    this.#want(patterns)
    this.#owner.interests.change(this, this.relay.patterns)
  }

  /** Lists the patterns that others want of it. Call it when the host before it is gone, whose patterns are its own. */
  introduce(): void {
    const add = this.#owner.interests.listen(this, change => this.#tell(encodeInterest(change)))
    this.#tell(encodeInterest({ anew: true, add, remove: [] }))
  }

  wants(pattern: RegExp | string): boolean {
    return this.relay.has(pattern)
  }

  /**
   * A publish of one of its clients, or of another host's.
   *
   * @param refusal the reason why nothing new is accepted now, if there is one
   */
  accept(envelope: Envelope, refusal: MsgvanError | undefined): undefined | Promise<void> | MsgvanError {
    const { seen, acceptFrom, awaitRoom } = this.#owner
    const why = refusal ?? (this.#refused.isEmpty ? undefined : this.#refused.errorOf(envelope))
    if (why !== undefined && !seen.has(envelope)) {
      this.refuse(envelope, why)
      return why
    }
    if (seen.isRepeated(envelope)) return awaitRoom(this.relay, envelope)
    const taken = acceptFrom(this.relay, envelope)
    if (taken instanceof MsgvanError && mayPass(taken)) this.refuse(envelope, taken)
    return taken
  }

  /** The name here of a publisher there. */
  nameOf(publisher: string): string {
    return this.#names.of(publisher)
  }

  /** The message was accepted, and is not refused. */
  has(envelope: Envelope): boolean {
    return this.#owner.seen.has(envelope)
  }

  /**
   * It was not accepted, or could not be written: it is new when it comes again, and nothing goes before it until
   * then.
   */
  refuse(envelope: Envelope, error: unknown): void {
    this.#owner.seen.refuse(envelope)
    if (mayPass(error)) this.#refused.refused(envelope, error)
  }

  /**
   * @param frame of ours that reports a refusal
   */
  refusalReported(refused: Pick<Envelope, 'publisher' | 'topic'>, frame: number): void {
    this.#refused.reported(refused, frame)
  }

  /** @throws ProtocolError */
  interest(body: ByteReader): void {
    const { add, remove } = decodeInterest(body)
    const more = add.filter(pattern => !this.relay.has(pattern))
    const less = remove.filter(pattern => this.relay.has(pattern))
    this.#want(more)
    for (const pattern of less) this.relay.wantNoMore(pattern)
    this.#owner.interests.change(
      this,
      more.filter(pattern => this.relay.has(pattern)),
      less,
    )
  }

  /** Resolves when all patterns that it got are in force there, or it is cut off; undefined when that is so. */
  settled(): Promise<void> | undefined {
    const { link } = this.session
    if (!link.isAttached || link.ackedByPeer >= this.#lastInterest) return undefined
    return new Promise(resolve => this.#waiting.push({ until: this.#lastInterest, resolve }))
  }

  acked(number: number): void {
    if (!this.#refused.isEmpty) this.#refused.acked(number)
    if (this.#waiting.length === 0) return
    for (const { until, resolve } of this.#waiting) if (until <= number) resolve()
    this.#waiting = this.#waiting.filter(({ until }) => until > number)
  }

  send(kind: FrameKind, value: unknown): void {
    this.session.link.send(kind, encodeValue(value))
  }

  ask<N extends AskedOfHosts>(method: N, args: SentArgs<N>): Promise<unknown>
  ask<N extends LeaderAsk>(method: N, args: AskArgs<N>, ms?: number): Promise<unknown>
  ask(method: string, args: unknown, ms = ANSWER_MS): Promise<unknown> {
    this.#lastAsked += 1
    const id = this.#lastAsked
    return new Promise((resolve, reject) => {
      const end = (settle: (value: unknown) => void) => (value: unknown) => {
        clearTimeout(timer)
        this.#asked.delete(id)
        settle(value)
      }
      const timer = setTimeout(() => {
        end(reject)(new TimeoutError(`${describeHost(this.host)} did not answer in ${ms} ms.`))
      }, ms)
      this.#asked.set(id, { resolve: end(resolve), reject: end(reject), parts: new AnswerParts() })
      this.send(FrameKind.Ask, { id, method, args })
    })
  }

  /** One of its subscriptions is full, and publishers here wait for it; or it has room again. */
  crowded({ id, pattern, isCrowded }: CrowdedArgs): void {
    if (!isCrowded) return this.relay.open(id)
    // The follower wants this pattern already, so it was checked before.
    if (this.relay.has(pattern)) this.relay.shut(id, pattern)
  }

  /** If it came by this way. It does not wait for the follower: a host that is cut off has other problems. */
  tellPublisher(from: HostRef, publisher: string, error: MsgvanError): void {
    if (from === this.relay && this.isAttached)
      this.ask(TELL, { publisher, ...toWireError(error) }).catch(() => undefined)
  }

  answered(fields: Fields): void {
    const asked = this.#asked.get(fields.whole('id'))
    if (fields.has('part')) {
      if (asked?.parts.add(fields) === true) asked.resolve(asked.parts.value())
      return
    }
    if (!fields.has('error')) return asked?.resolve(fields.get('value'))
    const error = fields.fields('error')
    asked?.reject(fromWireError({ code: error.text('code', 64), text: error.text('text', 100_000) }))
  }

  /** The follower makes a request to another host, through this one. */
  request({ host, name, body }: GotArgs<typeof REQUEST>): Promise<unknown> {
    return this.#owner.request(host, name, body, this.host.id)
  }

  /**
   * Its status has changed, for example its capabilities.
   *
   * @throws InvalidOptionError
   */
  changed(host: unknown): void {
    this.host = { ...hostOf(host), address: this.host.address }
    this.#owner.attached(this, this.isAttached)
  }

  attached(): void {
    this.relay.isAway = false
    this.#owner.attached(this, true)
  }

  detached(): void {
    this.relay.isAway = true
    this.#giveUpWaiting()
    this.#owner.attached(this, false)
  }

  /** Another process takes its place, and is owed its messages. */
  passTo(next: FollowerSession): void {
    next.hasContinued = true
    this.#passed = this.relay.patterns
    this.hasPassed = true
    this.relay.passTo(next.relay)
    const { sessionTtl } = this.#owner
    next.replays.add(new Map([...this.replays.take(), ...this.session.takeReplays()]), sessionTtl)
  }

  /** The session is over. */
  left(): void {
    this.#giveUpWaiting()
    const mailboxes = (this.#passed ?? this.relay.patterns).filter(pattern => typeof pattern === 'string')
    this.#owner.left(this, mailboxes.filter(isOwnMailbox))
    if (!this.hasPassed) this.relay.giveUp()
    this.replays.end()
    this.#owner.interests.leave(this)
  }

  #giveUpWaiting(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    for (const { reject } of [...this.#asked.values()])
      reject(new RemoteError(`${describeHost(this.host)} is cut off.`))
  }

  #tell(frame: Uint8Array): void {
    this.#lastInterest = this.session.link.send(FrameKind.Interest, frame)
  }

  #want(patterns: readonly (RegExp | string)[]): void {
    for (const pattern of patterns) {
      try {
        this.relay.want(pattern)
        this.#owner.wanted(pattern)
      } catch (error) {
        // It checked the pattern by its own rules, which may be those of another version.
        this.#owner.warn(
          `this host cannot match a pattern of the host at ${this.host.address}: ${describe(error)}`,
        )
      }
    }
  }
}
