import type { Membership } from '../../bus/contract/broker.js'
import type { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import { decodeSync, encodeUnwritten, type Call } from '../../wire/frames/control-frames.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { Link, type LinkState, type RetainedFrame } from '../../wire/link.js'
import type { LimitError } from '../../errors.js'
import { broken } from '../../wire/protocol.js'
import type { HostQueue } from '../backbone/contract/host-queue.js'
import type { FollowerSession, FollowerClientSession } from '../backbone/leader/follower-session.js'
import type { Usage } from '../limits/usage.js'
import type { Access } from '../rights/principals.js'
import { hidesFromHost } from '../rights/delivery-rights.js'
import type { Van } from '../van/van.js'
import { ClientBudget } from './client-budget.js'
import { ClientSubscriptions } from './consumers/client-subscriptions.js'
import { RemoteConsumers, type SessionEnd } from './consumers/remote-consumers.js'
import { takeReplays } from './consumers/take-replays.js'
import type { WatchedSession } from './stall-watch.js'
import type { GivenAnswers } from './given-answers.js'
import { OpenSyncs, type OpenSync } from './open-syncs.js'
import { PublishReceiver, type PublishReceiverState } from './publish-receiver.js'
import type { Publisher } from './publisher.js'
import { SessionCalls } from './session-calls.js'
import { SessionOutput } from './session-output.js'

export interface SessionOptions {
  readonly id: string
  readonly client: string
  readonly van: Van
  /** Proved to be this machine's user. */
  readonly isLocalUser: boolean
  /** Of a principal. Undefined: it may do everything. */
  readonly access: Access | undefined
  readonly pid: number | undefined
  readonly thread: number | undefined
  /** The address by which the client reached this host. */
  readonly address: string
  readonly maxPayload: number
  /**
   * The most bytes that may wait for a client that does not read: beyond it this session gets no deliveries, and answers
   * cost it its connection.
   */
  readonly maxWaiting: number
  /** The memory of the host. */
  readonly memory: ByteBudget
  /** What principals have here. */
  readonly usage: Usage
  /** Its client left too many answers unread. */
  readonly exceeded: (session: Session, error: LimitError) => void
  /** The answers to calls of lost sessions. */
  readonly given: GivenAnswers
  /** Calls other than those about subscriptions of this session. */
  readonly answer: (session: Session, call: Call) => Promise<unknown>
}

/** A session's state, apart from its places in subscriptions and its unfinished frames. */
export interface SessionState extends Pick<
  SessionOptions,
  'id' | 'client' | 'isLocalUser' | 'pid' | 'thread' | 'address'
> {
  readonly van: string
  readonly principal: { readonly name: string; readonly token: string } | undefined
  readonly link: LinkState
  readonly texts: readonly string[]
  readonly intake: PublishReceiverState
  readonly calls: readonly Call[]
  readonly syncs: readonly OpenSync[]
}

/** For people. */
export function clientOf({ client, access, pid }: Pick<Session, 'client' | 'access' | 'pid'>): string {
  const principal = access === undefined ? '' : `, principal ${access.principal.name}`
  return `client ${client}${principal}${pid === undefined ? '' : `, process ${pid}`}`
}

/** A host's side of one client, connected or not: the link, its subscriptions, its last publish. */
export class Session implements FollowerClientSession, WatchedSession {
  readonly id: string
  readonly client: string
  readonly van: Van
  readonly isLocalUser: boolean
  readonly access: Access | undefined
  readonly pid: number | undefined
  readonly thread: number | undefined
  readonly address: string
  readonly maxPayload: number
  readonly link: Link
  readonly consumers: RemoteConsumers
  readonly subscriptions: ClientSubscriptions
  readonly calls: SessionCalls
  readonly #syncs: OpenSyncs
  /** The client is another host. */
  follower: FollowerSession | undefined
  readonly budget: ClientBudget
  readonly #receiver: PublishReceiver
  readonly #output: SessionOutput
  #hasEnded = false

  constructor(options: SessionOptions) {
    const { client, van } = options
    this.id = options.id
    this.client = client
    this.van = van
    this.isLocalUser = options.isLocalUser
    this.access = options.access
    this.pid = options.pid
    this.thread = options.thread
    this.address = options.address
    this.maxPayload = options.maxPayload
    this.link = new Link({
      handle: (kind, body, number) => this.#handle(kind, body, number),
      acked: number => this.#acked(number),
      flush: () => this.#output.flush(),
      // Not a microtask: frames of all clients that came together are answered together.
      endOfTurn: run => void setImmediate(run),
      admit: kind => {
        if (kind !== FrameKind.Settle && kind !== FrameKind.Leave) this.budget.admit()
      },
      used: bytes => this.budget.used(bytes),
      answered: () => this.budget.check(),
    })
    this.budget = new ClientBudget({
      link: this.link,
      max: options.maxWaiting,
      host: options.memory,
      principal: options.access?.principal.memory.budget,
      exceeded: error => options.exceeded(this, error),
    })
    this.#receiver = new PublishReceiver(
      options,
      { link: this.link, budget: this.budget, holdsMessages: () => this.consumers.hold },
      () => this.follower,
    )
    this.#output = new SessionOutput({
      link: this.link,
      budget: this.budget,
      flushed: () => this.#receiver.flush(),
      busy: isBusy => this.consumers.busy(isBusy),
    })
    this.consumers = new RemoteConsumers(this.#output, van.settled, this.access?.principal)
    this.subscriptions = new ClientSubscriptions({
      ...{ client, van, consumers: this.consumers, usage: options.usage },
      follower: () => this.follower,
    })
    this.calls = new SessionCalls({
      answer: call => options.given.answer(this, call, () => options.answer(this, call)),
      output: this.#output,
      budget: this.budget,
    })
    this.#syncs = new OpenSyncs(this.consumers, this.#output)
  }

  /** The state for another process. */
  get state(): SessionState {
    this.#output.flush()
    const { id, client, isLocalUser, pid, thread, address, link } = this
    return {
      ...{ id, client, van: this.van.name, isLocalUser, pid, thread, address, link: link.state },
      principal: this.access && { name: this.access.principal.name, token: this.access.token ?? '' },
      texts: this.#output.texts,
      intake: this.#receiver.state,
      calls: this.calls.open,
      syncs: this.#syncs.open,
    }
  }

  /** Before its client is back: continues the state of another process. */
  restore({ link, texts, intake, calls, syncs }: SessionState, retained: Iterable<RetainedFrame>): void {
    this.consumers.hearing.isCut = true
    this.link.restore(link)
    for (const frame of retained) this.link.retain(frame)
    this.#output.restore(texts)
    this.#receiver.restore(intake)
    this.calls.restore(calls)
    this.#syncs.restore(syncs)
  }

  /** All of the other process is here, and the client is not back yet. */
  restored(): void {
    this.detach()
    // The client has lost deliveries with the other process: it learns of them before.
    this.#syncs.answerAgain()
  }

  get publisher(): Publisher {
    return this.#receiver.publisher
  }

  /** Of what this host remembers of the publisher. */
  get publisherKey(): string {
    return this.#receiver.markKey
  }

  /** Of publishes that wait for room. */
  get heldBytes(): number {
    return this.#receiver.heldBytes
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  get isConnected(): boolean {
    return this.link.isAttached && !this.#hasEnded
  }

  /** A frame of the client. @throws ProtocolError */
  receive(frame: Uint8Array): void {
    this.consumers.hearing.heard()
    this.link.receive(frame)
  }

  /** @throws ProtocolError if the client claims to have received frames that were never sent */
  attach(receivedByClient: number, transmit: (frame: Uint8Array) => void): void {
    this.consumers.hearing.isCut = false
    this.consumers.hearing.heard()
    this.link.attach(receivedByClient, transmit)
    this.follower?.attached()
    this.#tellAway(false)
  }

  /**
   * @param isSilent the connection was given up because the client was silent, not cut
   */
  detach(isSilent = false): void {
    this.consumers.hearing.isCut = !isSilent
    this.link.detach()
    this.follower?.detached()
    this.#tellAway(true)
  }

  end(how: SessionEnd): void {
    if (this.#hasEnded) return
    this.#close()
    this.follower?.left()
    this.#receiver.end()
    this.consumers.end(how)
  }

  /** Another process continues it: its client hears of nothing that happens here. */
  abandon(): void {
    this.#close()
  }

  describe(subscription: number): string {
    const name = this.consumers.get(subscription)?.name
    const what = name === undefined ? 'a subscription without a name' : `the subscription ${name}`
    return `van ${this.van.name}, ${what}: its consumer (${clientOf(this)})`
  }

  askBooks(subscription: number): Promise<ConsumerBooks> {
    return this.calls.askBooks(subscription)
  }

  failHeldBy(name: string): void {
    this.consumers.failHeldBy(name)
  }

  takeReplays(): Map<string, Membership> {
    return takeReplays(this.consumers)
  }

  relayTo(subscription: number): HostQueue {
    const principal = this.access?.principal
    return this.consumers.add(subscription, consumer => {
      if (principal !== undefined) consumer.hides = message => hidesFromHost(principal, message)
      return this.van.broker.relay(consumer)
    })
  }

  #close(): void {
    this.#hasEnded = true
    this.#output.close()
    this.budget.close()
    this.subscriptions.close()
  }

  /** Names may be at another host, which does not see that a client here is cut off. */
  #tellAway(isAway: boolean): void {
    if (this.van.reach.names !== undefined) this.consumers.tellAway(isAway)
  }

  #handle(kind: FrameKind, body: ByteReader, number: number): void | Promise<void> {
    if (this.#hasEnded) return
    switch (kind) {
      case FrameKind.Ack:
        return
      case FrameKind.Bye:
        return this.end('goodbye')
      case FrameKind.Publish:
        return this.#receiver.receive(body, number)
      case FrameKind.Settle:
        this.consumers.settle(body)
        return this.#written(number)
      case FrameKind.Leave:
        return this.subscriptions.leave(this.consumers.leave(body, this.follower?.relay.membership))
      case FrameKind.Sync:
        return this.#syncs.answer(decodeSync(body))
      case FrameKind.Call:
        return this.calls.receive(body)
      case FrameKind.Interest:
        if (this.follower === undefined) throw broken('of a host came from a client')
        return this.follower.interest(body)
      default:
        throw broken(`of kind ${kind} is for clients only`)
    }
  }

  /**
   * Until a frame is acknowledged the client keeps its verdicts: a next host would not know of them. While the disk
   * fails, the frame is acknowledged all the same, because those behind it must not wait; the client is told to go on
   * keeping them.
   */
  #written(number: number): Promise<void> | undefined {
    return this.van.vanStore?.written()?.then(isWritten => {
      if (!isWritten && !this.#hasEnded) this.#output.send(FrameKind.Unwritten, encodeUnwritten(number))
    })
  }

  #acked(number: number): void {
    this.#receiver.acked(number)
    this.follower?.acked(number)
    this.#output.acked()
  }
}
