import type { Origin } from '../../../broker/subscription/pause.js'
import { AnswerParts } from '../answer-parts.js'
import type { Relay } from '../../../broker/routing/relay.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import { describe, MsgvanError, RemoteError, TimeoutError } from '../../../errors.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import type { Envelope } from '../../../message/envelope.js'
import { isOwnMailbox } from '../../../message/topic.js'
import { fromWireError, toWireError } from '../../../wire/frames/control-frames.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import { decodeInterest, encodeInterest, encodeValue } from '../../../wire/frames/host-frames.js'
import type { Link } from '../../../wire/link.js'
import type { GotArgs } from '../../../wire/calls.js'
import type { CrowdedArgs } from '../../../wire/subscription-calls.js'
import { hostOf } from '../host-fields.js'
import { mayPass } from '../may-pass.js'
import type { Interests } from '../interests.js'
import type { Seen } from '../follower/seen.js'
import { RefusedLines } from './refused-lines.js'

/** The session by which another host has come. */
export interface FollowerClientSession {
  readonly client: string
  /** By which it reached this host. */
  readonly address: string
  readonly link: Link
  /** A place for it in the van: what is handed to the relay goes to the other host. */
  relayTo(subscription: number): Relay
  /** What it holds of that named subscription has failed, as if it had died, and goes to others. */
  failHeldBy(name: string): void
}

export interface FollowerSessionOwner {
  readonly interests: Interests<FollowerSession | 'here'>
  readonly acceptFrom: (from: Relay, envelope: Envelope) => undefined | Promise<void> | MsgvanError
  readonly awaitRoom: (from: Relay, envelope: Envelope) => undefined | Promise<void>
  readonly seen: Seen
  /** It is sent what matches from now on. */
  readonly wanted: (pattern: RegExp | string) => void
  warn(text: string): void
  /** It can be reached, or cannot any more. */
  attached(guest: FollowerSession, isAttached: boolean): void
  /** @param mailboxes that it had */
  left(guest: FollowerSession, mailboxes: readonly string[]): void
  /** It wants that host to do something. */
  request(host: string, name: string, body: unknown, from: string): Promise<unknown>
}

const ANSWER_MS = 5_000
/** A question that waits for its answer. */
interface Asked {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly parts: AnswerParts
}

/** The method of what one host asks another for. */
export const REQUEST = 'backbone.request'
/** The method of a word to a client of another host. */
export const TELL = 'backbone.tell'

/** A follower, as a van of its leader sees it. */
export class FollowerSession {
  readonly session: FollowerClientSession
  readonly #owner: FollowerSessionOwner
  readonly #asked = new Map<number, Asked>()
  readonly relay: Relay
  /** It goes on where another process was, which this host knew. */
  hasContinued = false
  /** Another process goes on where this one was. */
  hasPassed = false
  readonly #refused = new RefusedLines()
  #lastAsked = 0
  /** The last frame that told it what is wanted of it. */
  #told = 0
  #waiting: { readonly until: number; readonly resolve: () => void }[] = []

  constructor(
    session: FollowerClientSession,
    relay: Relay,
    public host: HostStatus,
    /** The same for every host that runs in its place, one after the other. */
    readonly seat: string,
    /** It has a store: what it has now it has again after its death. */
    readonly isKept: boolean,
    owner: FollowerSessionOwner,
  ) {
    this.session = session
    this.relay = relay
    this.#owner = owner
  }

  get isAttached(): boolean {
    return this.session.link.isAttached
  }

  /** Its first word: all that it wants. */
  begin(patterns: readonly (RegExp | string)[]): void {
    this.#want(patterns)
    const add = this.#owner.interests.listen(this, change => this.#tell(encodeInterest(change)))
    this.#tell(encodeInterest({ anew: true, add, remove: [] }))
    this.#owner.interests.change(this, this.relay.patterns)
  }

  wants(pattern: RegExp | string): boolean {
    return this.relay.has(pattern)
  }

  /**
   * Something that one of its clients published, or of another of its kind.
   *
   * @param refusal why nothing new is taken over now, if so
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

  /** It was not taken over, or could not be kept: it is new when it comes again, and nothing goes before it until then. */
  refuse(envelope: Envelope, error: unknown): void {
    this.#owner.seen.refuse(envelope)
    if (mayPass(error)) this.#refused.refused(envelope, error)
  }

  /** @param frame of ours that tells it of a refusal */
  isTold(refused: Pick<Envelope, 'publisher' | 'topic'>, frame: number): void {
    this.#refused.isTold(refused, frame)
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

  /** Resolves when all that it was told is in force there, or it is cut off; undefined when that is so. */
  settled(): Promise<void> | undefined {
    const { link } = this.session
    if (!link.isAttached || link.ackedByPeer >= this.#told) return undefined
    return new Promise(resolve => this.#waiting.push({ until: this.#told, resolve }))
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
        end(reject)(new TimeoutError(`The host at ${this.host.address} did not answer in ${ms} ms.`))
      }, ms)
      this.#asked.set(id, { resolve: end(resolve), reject: end(reject), parts: new AnswerParts() })
      this.send(FrameKind.Ask, { id, method, args })
    })
  }

  /** One of its subscriptions is full, and publishers here wait for it; or it is not any more. */
  crowded({ id, pattern, isCrowded }: CrowdedArgs): void {
    if (!isCrowded) return this.relay.open(id)
    // The follower wants this pattern already, so it was checked before.
    if (this.relay.has(pattern)) this.relay.shut(id, pattern)
  }

  /** If it came by this way. Nobody waits for it: a host that is cut off has other troubles. */
  tellPublisher(from: Origin, publisher: string, error: MsgvanError): void {
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

  /** It asks another host for something, by way of this one. */
  request({ host, name, body }: GotArgs<typeof REQUEST>): Promise<unknown> {
    return this.#owner.request(host, name, body, this.host.id)
  }

  /** It says anew who it is: what it offers has changed. @throws InvalidOptionError */
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

  /** Another process goes on in its place, and is owed what this one was. */
  passTo(next: FollowerSession): void {
    next.hasContinued = true
    this.hasPassed = true
    this.relay.passTo(next.relay)
  }

  /** Its session is over. */
  left(): void {
    this.#giveUpWaiting()
    const mailboxes = this.relay.patterns.filter(pattern => typeof pattern === 'string')
    this.#owner.left(this, mailboxes.filter(isOwnMailbox))
    if (!this.hasPassed) this.relay.giveUp()
    this.#owner.interests.leave(this)
  }

  #giveUpWaiting(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    for (const { reject } of [...this.#asked.values()])
      reject(new RemoteError(`The host at ${this.host.address} is cut off.`))
  }

  #tell(frame: Uint8Array): void {
    this.#told = this.session.link.send(FrameKind.Interest, frame)
  }

  #want(patterns: readonly (RegExp | string)[]): void {
    for (const pattern of patterns) {
      try {
        this.relay.want(pattern)
        this.#owner.wanted(pattern)
      } catch (error) {
        // It judged the pattern by its own rules, which may be those of another version.
        this.#owner.warn(`the host at ${this.host.address} is not sent what it wants: ${describe(error)}`)
      }
    }
  }
}
