import { isWorkerClient } from '../../actors/worker-client.js'
import type { Relay } from '../../broker/routing/relay.js'
import type { MsgvanError } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import { Message } from '../../message/message.js'
import { ReplayStart } from '../../message/replay.js'
import { inBytes } from '../../message/envelope-body.js'
import {
  decodeCall,
  type Call,
  decodeLeave,
  decodeSync,
  encodeEnded,
  encodeLapse,
  encodeReply,
  encodeSync,
  toWireError,
} from '../../wire/frames/control-frames.js'
import { DeliverWriter } from '../../wire/frames/deliver-frame.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { encodeValue } from '../../wire/frames/host-frames.js'
import { Link, type LinkState, type RetainedFrame } from '../../wire/link.js'
import { BATCH_BYTES, broken, MAX_SUBSCRIPTIONS } from '../../wire/protocol.js'
import type { KeptVerdicts } from '../../wire/frames/kept-verdicts.js'
import { readSettlements } from '../../wire/frames/settle-frame.js'
import { WritingTable } from '../../wire/frames/string-table.js'
import { rulesInForce } from '../../wire/frames/subscription-request.js'
import type { Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import type { Watched, WatchedSession } from './liveness.js'
import { RemoteConsumer, type RemoteConsumerState } from './remote-consumer.js'
import type { FollowerSession, FollowerClientSession } from '../backbone/leader/follower-session.js'
import { PatternBudget } from './pattern-budget.js'
import { PublishReceiver, type PublishReceiverState } from './publish-receiver.js'
import type { Publisher } from './publisher.js'
import { keyOfName } from './settled-before.js'
import { Hearing } from './silence.js'
import type { Van } from '../van/vans.js'

export interface SessionOptions {
  readonly id: string
  readonly client: string
  readonly van: Van
  /** Proved to be this machine's user. */
  readonly isLocalUser: boolean
  readonly pid: number | undefined
  readonly thread: number | undefined
  /** By which the client reached this host. */
  readonly address: string
  readonly maxPayload: number
  /** What may wait for a client that does not read, in bytes: beyond it nothing more is handed to this session. */
  readonly maxWaiting: number
  /** Calls other than those about subscriptions of this session. */
  readonly answer: (session: Session, method: string, args: unknown) => Promise<unknown>
}

/** What a session is, apart from its places in subscriptions and the frames that its client is not done with. */
export interface SessionState extends Pick<
  SessionOptions,
  'id' | 'client' | 'isLocalUser' | 'pid' | 'thread' | 'address'
> {
  readonly van: string
  readonly link: LinkState
  readonly texts: readonly string[]
  readonly intake: PublishReceiverState
  readonly calls: readonly Call[]
}

/**
 * How a session comes to its end: the client said goodbye, or is gone for good; or it was a host that died and has another one in its
 * place, to which its clients may come.
 */
export type SessionEnd = 'goodbye' | 'death' | 'replaced'

/** What a host keeps of one client, connected or not: the link, its subscriptions, how far its publishes have come. */
export class Session implements FollowerClientSession, WatchedSession {
  readonly id: string
  readonly client: string
  readonly van: Van
  readonly isLocalUser: boolean
  readonly pid: number | undefined
  readonly thread: number | undefined
  readonly address: string
  readonly link: Link
  /** The client is another host. */
  guest: FollowerSession | undefined
  /** It asked for subscriptions that a disk is to keep. */
  needsDisk = false
  readonly #options: SessionOptions
  readonly #intake: PublishReceiver
  readonly #deliveries = new DeliverWriter(new WritingTable())
  readonly #attachments = new Map<number, RemoteConsumer>()
  readonly #patterns = new PatternBudget()
  /** Of a host: the names of those that have one. */
  readonly #names = new Map<number, string>()
  /** Subscriptions that it is being looked up for where they begin. */
  readonly #opening = new Set<number>()
  /** Subscriptions that another host keeps, until they are in force there. */
  readonly #placing = new Set<Promise<void>>()
  #opened: Promise<void> | undefined
  /** Subscriptions whose client is asked for its books. */
  readonly #asked = new Map<number, (books: ConsumerBooks) => void>()
  #hasEnded = false
  /** Those that are not answered yet. */
  readonly #calls = new Map<number, Call>()
  readonly #hearing = new Hearing()
  /** What all attachments need of this session. Busy: the client does not keep up with reading. */
  readonly #places = {
    isBusy: false,
    // Bounded, too: one that reads nothing could fail the same message for ever.
    takesBack: () => this.link.retainedBytes <= 2 * this.#options.maxWaiting,
    isAway: () => !this.link.isAttached,
    hearing: this.#hearing,
    named: (subscription: number, incarnation: string) => this.#named(subscription, incarnation),
    ruled: (subscription: number, rules: SubscriptionRequest) => this.#ruled(subscription, rules),
    deliver: (subscription: number, number: number, message: Message) =>
      this.#deliver(subscription, number, message),
    ended: (subscription: number, error: MsgvanError | undefined) => this.#ended(subscription, error),
    lapsed: (subscription: number, through: number) => this.#lapsed(subscription, through),
    settled: (key: string, message: Message) => {
      const { settled } = this.van
      return settled.isEmpty ? undefined : settled.take(key, message)
    },
  }
  /** Why the one that is subscribing right now was refused, if it was. */
  #refused: MsgvanError | undefined

  constructor(options: SessionOptions) {
    this.id = options.id
    this.client = options.client
    this.van = options.van
    this.isLocalUser = options.isLocalUser
    this.pid = options.pid
    this.thread = options.thread
    this.address = options.address
    this.#options = options
    this.link = new Link({
      handle: (kind, body, number) => this.#handle(kind, body, number),
      acked: number => this.#acked(number),
      flush: () => this.#flush(),
      // Not a microtask: frames of all clients that came in one go are answered together.
      endOfTurn: run => void setImmediate(run),
    })
    this.#intake = new PublishReceiver(options, this.link, () => this.guest)
  }

  /** What goes to another process. */
  get state(): SessionState {
    this.#flush()
    const { id, client, isLocalUser, pid, thread, address, link } = this
    return {
      ...{ id, client, van: this.van.name, isLocalUser, pid, thread, address, link: link.state },
      texts: this.#deliveries.table.texts,
      intake: this.#intake.state,
      calls: [...this.#calls.values()],
    }
  }

  get publisher(): Publisher {
    return this.#intake.publisher
  }

  get attachments(): ReadonlyMap<number, RemoteConsumer> {
    return this.#attachments
  }

  /** Before its client is back: goes on where that of another process was. */
  restore({ link, texts, intake }: SessionState, retained: Iterable<RetainedFrame>): void {
    this.#hearing.isCut = true
    this.link.restore(link)
    for (const frame of retained) this.link.retain(frame)
    this.#deliveries.table.restore(texts)
    this.#intake.restore(intake)
  }

  /** A place that its client has in a subscription since before. @param join makes it */
  restoreAttachment(
    subscription: number,
    state: RemoteConsumerState,
    join: (attachment: RemoteConsumer) => Membership,
  ): RemoteConsumer {
    const attachment = new RemoteConsumer(subscription, this.#places)
    attachment.restore(state)
    attachment.expectSettledIn(state.ackTimeout)
    this.#attachments.set(subscription, attachment)
    attachment.membership = join(attachment)
    return attachment
  }

  /** Its client asked this before, and is answered now. */
  answerAgain(call: Call): void {
    this.#answer(call)
  }

  /** Its client holds deliveries that are somebody else's by now. */
  lapse(subscription: number, through: number): void {
    this.#lapsed(subscription, through)
  }

  nameOf(subscription: number, name: string): void {
    this.#names.set(subscription, name)
  }

  /** Another process goes on with it: its client hears of nothing that happens here. */
  abandon(): void {
    this.#hasEnded = true
    this.link.detach()
  }

  refuse(call: Call, error: MsgvanError): void {
    this.#reply(encodeReply({ id: call.id, error: toWireError(error) }))
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** A frame of the client. @throws ProtocolError */
  receive(frame: Uint8Array): void {
    this.#hearing.heard()
    this.link.receive(frame)
  }

  /** @throws ProtocolError if what the client says that it received was never sent */
  attach(receivedByClient: number, transmit: (frame: Uint8Array) => void): void {
    this.#hearing.isCut = false
    this.#hearing.heard()
    this.link.attach(receivedByClient, transmit)
    this.guest?.attached()
    this.#tellAway(false)
  }

  /** @param isSilent the connection was given up because nothing was heard of the client, not cut */
  detach(isSilent = false): void {
    this.#hearing.isCut = !isSilent
    this.link.detach()
    this.guest?.detached()
    this.#tellAway(true)
  }

  /** Names may be at another host, which does not see who is cut off here. */
  #tellAway(isAway: boolean): void {
    if (this.van.reach.names === undefined) return
    for (const attachment of this.#attachments.values()) attachment.tellAway(isAway)
  }

  /** The client is a host whose own client is cut off from it, or is back. */
  away(subscription: number, isAway: boolean): void {
    const attachment = this.#attachments.get(subscription)
    if (attachment !== undefined) attachment.isBeyondAway = isAway
  }

  end(how: SessionEnd): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.link.detach()
    this.guest?.left()
    this.#intake.end()
    const attachments = [...this.#attachments.values()]
    this.#attachments.clear()
    for (const attachment of attachments) {
      if (how === 'goodbye') attachment.giveBack('complete')
      else if (how === 'death' || attachment.endsWithHost) attachment.die()
      else attachment.giveBack('death')
    }
  }

  /**
   * As `subscribe`, where it may have to be looked up first where to begin. What is asked later waits (`opened`), and nothing
   * that is published meanwhile is missed.
   */
  open(subscription: number, request: SubscriptionRequest): void | Promise<void> {
    const { keeper, broker } = this.van
    const isHere = request.from !== undefined && this.van.home(request) === broker
    const from = isHere ? keeper?.start(request) : undefined
    if (from === undefined || from instanceof ReplayStart)
      return this.subscribe(subscription, from === undefined ? request : { ...request, from })
    this.#opening.add(subscription)
    const opened = from.then(start => {
      // It may have left by now.
      if (!this.#opening.delete(subscription) || this.#hasEnded) return undefined
      return this.subscribe(subscription, { ...request, from: start })
    })
    const all = Promise.allSettled([this.#opened, opened]).then(() => {
      if (this.#opened === all) this.#opened = undefined
    })
    this.#opened = all
    return opened
  }

  /** Resolves when what was asked for is there; undefined when it is. */
  get opened(): Promise<void> | undefined {
    return this.#opened
  }

  get isConnected(): boolean {
    return this.link.isAttached && !this.#hasEnded
  }

  get consumers(): Iterable<Watched> {
    return this.#attachments.values()
  }

  describe(subscription: number): string {
    const name = this.#attachments.get(subscription)?.name
    const what = name === undefined ? 'a subscription without a name' : `the subscription ${name}`
    const who =
      this.pid === undefined ? `client ${this.client}` : `client ${this.client}, process ${this.pid}`
    return `van ${this.van.name}, ${what}: its consumer (${who})`
  }

  askBooks(subscription: number): Promise<ConsumerBooks> {
    this.link.send(FrameKind.Books, encodeSync(subscription))
    return new Promise(resolve => this.#asked.set(subscription, resolve))
  }

  /** The client's answer to that. */
  booksCame(books: ConsumerBooks): void {
    this.#asked.get(books.subscription)?.(books)
    this.#asked.delete(books.subscription)
  }

  /** What the client settled of it while the host was dead, or its session lost. */
  settledBefore(
    subscription: number,
    { name }: SubscriptionRequest,
    { verdicts, incarnation }: KeptVerdicts,
  ): void {
    const { settled } = this.van
    if (name === undefined) settled.add(this.#keyOf(subscription), verdicts)
    else if (incarnation !== undefined) settled.add(keyOfName(name, incarnation), verdicts)
  }

  /** Of one without a name. */
  #keyOf(subscription: number): string {
    return `s/${this.client}/${subscription}`
  }

  /** The client's number for a subscription is its own choice; ours is checked. @throws MsgvanError if it is refused */
  subscribe(subscription: number, request: SubscriptionRequest): void | Promise<void> {
    const consumers = this.van.home(request)
    if (request.name !== undefined || request.from !== undefined) this.needsDisk = true
    const session = this.#sessionOf(subscription, request)
    const { pattern, name, from, ordered, prefetch, attempts, delay, maxPending, maxPendingBytes, overflow } =
      request
    // Not spread: each copy would have a hidden class of its own, half a kilobyte for each subscription.
    const asked: SubscriptionRequest = {
      pattern,
      name,
      session,
      from,
      ordered,
      prefetch,
      attempts,
      delay,
      ackTimeout: request.ackTimeout,
      maxPending,
      maxPendingBytes,
      overflow,
    }
    const joining = name === undefined ? asked : { ...asked, given: request.given, joins: request.joins }
    const { membership } = this.#attach(subscription, attachment => {
      // A follower has the patterns of all its clients, each of which has a budget there.
      if (this.guest === undefined) this.#patterns.take(subscription, pattern)
      attachment.name = name
      if (name === undefined) attachment.key = this.#keyOf(subscription)
      attachment.endsWithHost = isWorkerClient(this.client)
      attachment.expectSettledIn(request.ackTimeout)
      return { membership: consumers.consume(joining, attachment) }
    })
    if (this.guest !== undefined && name !== undefined) this.#names.set(subscription, name)
    if (name === undefined) this.van.takeAnswers(pattern)
    return consumers === this.van.broker ? undefined : this.#placed(membership)
  }

  /** The client asks again, as it asked at first, until it is told that another host keeps it. */
  #placed(membership: Membership): Promise<void> | undefined {
    const placed = this.van.reach.names?.placed(membership)
    if (placed === undefined) return undefined
    this.#placing.add(placed)
    const isOver = (): unknown => this.#placing.delete(placed)
    // Why it could not be written is what `ready` says.
    return placed.then(isOver, isOver).then(() => undefined)
  }

  /** Resolves when what it subscribed to is in force where it is kept; undefined when it is. */
  get placed(): Promise<unknown> | undefined {
    return this.#placing.size === 0 ? undefined : Promise.all(this.#placing)
  }

  /** The client is a host, and that consumer ends with it. */
  endsWithHost(subscription: number): void {
    const attachment = this.#attachments.get(subscription)
    if (attachment !== undefined) attachment.endsWithHost = true
  }

  forsake(name: string): void {
    for (const [subscription, each] of this.#names) {
      if (each !== name) continue
      this.#attachments.get(subscription)?.die()
      this.#ended(subscription, undefined)
    }
  }

  /** The client is a host: what is handed to this relay goes there. */
  relayTo(subscription: number): Relay {
    return this.#attach(subscription, attachment => this.van.broker.relay(attachment))
  }

  #attach<P extends { membership: Membership }>(
    subscription: number,
    join: (attachment: RemoteConsumer) => P,
  ): P {
    if (this.#attachments.has(subscription)) throw broken('asks for a subscription that it has')
    if (this.#attachments.size >= MAX_SUBSCRIPTIONS)
      throw broken(`asks for more than ${MAX_SUBSCRIPTIONS} subscriptions`)
    this.#refused = undefined
    const attachment = new RemoteConsumer(subscription, this.#places)
    try {
      const place = join(attachment)
      attachment.membership = place.membership
      const refused = this.#takeRefusal()
      if (refused !== undefined) throw refused
      this.#attachments.set(subscription, attachment)
      return place
    } catch (error) {
      this.#patterns.release(subscription)
      throw error
    }
  }

  #takeRefusal(): MsgvanError | undefined {
    const refused = this.#refused
    this.#refused = undefined
    return refused
  }

  /** Where subscriptions are kept, one without a name is found again by this. */
  #sessionOf(subscription: number, { name }: SubscriptionRequest): string | undefined {
    const isKept = this.van.keeper !== undefined && name === undefined
    return isKept ? `${this.client}/${subscription}` : undefined
  }

  #handle(kind: FrameKind, body: ByteReader, number: number): void | Promise<void> {
    if (this.#hasEnded) return
    switch (kind) {
      case FrameKind.Ack:
        return
      case FrameKind.Bye:
        return this.end('goodbye')
      case FrameKind.Publish:
        return this.#intake.take(body, number)
      case FrameKind.Settle:
        this.#settle(body)
        // Until it is on the disk the client keeps its verdicts: a next host would not know of them.
        return this.van.keeper?.written()
      case FrameKind.Leave: {
        const leave = decodeLeave(body)
        this.#opening.delete(leave.subscription)
        const attachment = this.#attachments.get(leave.subscription)
        attachment?.leave(leave)
        this.#forgetIfDone(attachment)
        return
      }
      case FrameKind.Sync:
        return this.#sync(decodeSync(body))
      case FrameKind.Call:
        return this.#call(body)
      case FrameKind.Interest:
        if (this.guest === undefined) throw broken('of a host came from a client')
        return this.guest.interest(body)
      default:
        throw broken(`of kind ${kind} is for clients only`)
    }
  }

  #settle(body: ByteReader): void {
    for (const settlement of readSettlements(body)) {
      // One that ended on our side meanwhile has nothing left to settle.
      const attachment = this.#attachments.get(settlement.subscription)
      attachment?.settle(settlement)
      this.#forgetIfDone(attachment)
    }
  }

  /** The broker hands out what was failed in a microtask of its own, which is before this one's. */
  #sync(subscription: number): void {
    const caughtUp = this.#attachments.get(subscription)?.caughtUp() ?? Promise.resolve()
    void caughtUp.then(() => {
      if (this.#hasEnded) return
      this.#flush()
      this.link.send(FrameKind.Synced, encodeSync(subscription))
    })
  }

  #call(body: ByteReader): void {
    this.#answer(decodeCall(body))
  }

  #answer(call: Call): void {
    const { id, method, args } = call
    this.#calls.set(id, call)
    const done = (frame: Uint8Array): void => {
      this.#calls.delete(id)
      this.#reply(frame)
    }
    this.#options.answer(this, method, args).then(
      value => done(encodeReply({ id, value })),
      (error: unknown) => done(encodeReply({ id, error: toWireError(error) })),
    )
  }

  #reply(frame: Uint8Array): void {
    if (this.#hasEnded) return
    // What was handed out before it comes before it.
    this.#flush()
    this.link.send(FrameKind.Reply, frame)
  }

  #deliver(subscription: number, number: number, message: Message): void {
    const envelope = Message.envelopeOf(message)
    this.#deliveries.add(subscription, number, inBytes(envelope), message.attempt, message.redelivered)
    if (this.#deliveries.bytes >= BATCH_BYTES) this.#flush()
    else this.link.wake()
  }

  #flush(): void {
    this.#intake.flush()
    if (this.#deliveries.bytes === 0) return
    this.link.send(FrameKind.Deliver, this.#deliveries.take())
    if (this.#places.isBusy || this.link.retainedBytes <= this.#options.maxWaiting) return
    this.#places.isBusy = true
    for (const attachment of this.#attachments.values()) attachment.pause()
  }

  #acked(number: number): void {
    this.#intake.acked(number)
    this.guest?.acked(number)
    this.#roomAgain()
  }

  /** Not at the first byte of room: with little room there would be a stop for every frame. */
  #roomAgain(): void {
    if (!this.#places.isBusy || this.link.retainedBytes > this.#options.maxWaiting / 2) return
    this.#places.isBusy = false
    for (const attachment of this.#attachments.values()) attachment.wake()
  }

  #ended(subscription: number, error: MsgvanError | undefined): void {
    if (!this.#attachments.delete(subscription)) {
      // It is not among them yet.
      this.#refused = error
      return
    }
    this.#names.delete(subscription)
    this.#patterns.release(subscription)
    if (this.#hasEnded) return
    this.#flush()
    const wire = error === undefined ? undefined : toWireError(error)
    this.link.send(FrameKind.Ended, encodeEnded({ subscription, error: wire }))
  }

  #named(subscription: number, incarnation: string): void {
    if (!this.#hasEnded) this.link.send(FrameKind.Named, encodeValue({ subscription, incarnation }))
  }

  #ruled(subscription: number, rules: SubscriptionRequest): void {
    if (this.#hasEnded) return
    this.#flush()
    this.link.send(FrameKind.Rules, encodeValue(rulesInForce(subscription, rules)))
  }

  #lapsed(subscription: number, through: number): void {
    if (this.#hasEnded) return
    // What it takes back comes before it.
    this.#flush()
    this.link.send(FrameKind.Lapsed, encodeLapse({ subscription, through }))
  }

  #forgetIfDone(attachment: RemoteConsumer | undefined): void {
    if (attachment?.isDone !== true) return
    this.#attachments.delete(attachment.subscription)
    this.#names.delete(attachment.subscription)
    this.#patterns.release(attachment.subscription)
  }
}
