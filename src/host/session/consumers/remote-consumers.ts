import type { Membership } from '../../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import type { MsgvanError } from '../../../errors.js'
import type { Message } from '../../../message/message.js'
import { decodeLeave, encodeEnded, encodeLapse, toWireError } from '../../../wire/frames/control-frames.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import { encodeValue } from '../../../wire/frames/host-frames.js'
import type { KeptVerdict } from '../../../wire/frames/kept-verdicts.js'
import { readSettlements } from '../../../wire/frames/settle-frame.js'
import { rulesInForce } from '../../../wire/frames/subscription-request.js'
import { broken, MAX_SUBSCRIPTIONS } from '../../../wire/protocol.js'
import { FollowerViews } from '../../rights/follower-views.js'
import type { Principal } from '../../rights/principal.js'
import { both, type View } from '../../rights/view.js'
import { limitDeliveries } from '../../rights/delivery-rights.js'
import type { SessionOutput } from '../session-output.js'
import { keyOfName, type SettledBefore } from '../settled-before.js'
import { PatternBudget } from './pattern-budget.js'
import { RemoteConsumer, type RemoteConsumerOwner, type RemoteConsumerState } from './remote-consumer.js'
import { Hearing } from './client-silence.js'

/**
 * The end of a session: the client said goodbye, or is gone for good; or it was a host that died and has a successor,
 * to which its clients may come.
 */
export type SessionEnd = 'goodbye' | 'death' | 'replaced'

/** The consumers of one client, by its numbers of their subscriptions. */
export class RemoteConsumers implements RemoteConsumerOwner, Iterable<RemoteConsumer> {
  readonly hearing = new Hearing()
  readonly patterns = new PatternBudget()
  /** If the client is a host: what its principals may see. */
  readonly views = new FollowerViews()
  /** The principal of the client. Undefined: the client may see everything. */
  readonly principal: Principal | undefined
  readonly #output: SessionOutput
  readonly #settled: SettledBefore
  readonly #consumers = new Map<number, RemoteConsumer>()
  /** If the client is a host: the names of its named subscriptions. */
  readonly #names = new Map<number, string>()
  /** The reason why the consumer that is joining now is refused. */
  #refused: MsgvanError | undefined

  /**
   * @param settled the verdicts of clients whose host died, or whose session was lost
   */
  constructor(output: SessionOutput, settled: SettledBefore, principal?: Principal) {
    this.#output = output
    this.#settled = settled
    this.principal = principal
  }

  [Symbol.iterator](): Iterator<RemoteConsumer> {
    return this.#consumers.values()
  }

  get(subscription: number): RemoteConsumer | undefined {
    return this.#consumers.get(subscription)
  }

  /**
   * The client chooses its number for a subscription, which is checked here.
   *
   * @param join makes its place in a subscription
   * @throws ProtocolError, and the error by which the subscription refuses it
   */
  add<P extends { membership: Membership }>(subscription: number, join: (consumer: RemoteConsumer) => P): P {
    if (this.#consumers.has(subscription)) throw broken('asks for a subscription that it has')
    if (this.#consumers.size >= MAX_SUBSCRIPTIONS)
      throw broken(`asks for more than ${MAX_SUBSCRIPTIONS} subscriptions`)
    this.#refused = undefined
    const consumer = new RemoteConsumer(subscription, this)
    try {
      const place = join(consumer)
      consumer.membership = place.membership
      const refused = this.#takeRefusal()
      if (refused !== undefined) throw refused
      this.#consumers.set(subscription, consumer)
      return place
    } catch (error) {
      this.patterns.release(subscription)
      throw error
    }
  }

  /**
   * Continues a consumer of another process.
   *
   * @param rules of its subscription
   * @param join makes its place in a subscription
   * @param view of its principal, if the client is that one's host
   */
  restore(
    subscription: number,
    state: RemoteConsumerState,
    { name, incarnation }: Pick<SubscriptionRequest, 'name' | 'incarnation'>,
    join: (consumer: RemoteConsumer) => Membership,
    view?: View,
  ): RemoteConsumer {
    const consumer = new RemoteConsumer(subscription, this)
    consumer.name = name
    if (name !== undefined && incarnation !== undefined) consumer.key = keyOfName(name, incarnation)
    this.limit(consumer, view)
    consumer.restore(state)
    consumer.isRestored = true
    consumer.expectSettledIn(state.ackTimeout)
    this.#consumers.set(subscription, consumer)
    consumer.membership = join(consumer)
    return consumer
  }

  /**
   * It gets no more than the client may see, and the principal behind it.
   *
   * @param view of its principal, if the client is that one's host
   */
  limit(consumer: RemoteConsumer, view: View | undefined): void {
    consumer.view = view
    limitDeliveries(consumer, both(this.principal, view))
  }

  /** The client is a host, and that subscription of it has this name. */
  name(subscription: number, name: string): void {
    this.#names.set(subscription, name)
  }

  /** The client's consumers of that name fail their messages, as if they had died, and end. */
  failHeldBy(name: string): void {
    for (const [subscription, each] of this.#names) {
      if (each !== name) continue
      this.#consumers.get(subscription)?.die()
      this.ended(subscription, undefined)
    }
  }

  /**
   * A SETTLE frame.
   *
   * @throws ProtocolError
   */
  settle(body: ByteReader): void {
    for (const settlement of readSettlements(body)) {
      // A consumer that ended on our side meanwhile has nothing left to settle.
      const consumer = this.#consumers.get(settlement.subscription)
      consumer?.settle(settlement)
      this.#forgetIfDone(consumer)
    }
  }

  /**
   * A LEAVE frame.
   *
   * @param relay of the client, if it is a host: it ends with the session, which decides about its messages
   * @returns the subscription that the client leaves
   * @throws ProtocolError
   */
  leave(body: ByteReader, relay?: Membership): number {
    const leave = decodeLeave(body)
    const consumer = this.#consumers.get(leave.subscription)
    if (relay !== undefined && consumer?.joined === relay) return leave.subscription
    consumer?.leave(leave)
    this.#forgetIfDone(consumer)
    return leave.subscription
  }

  /** The broker hands out failed messages in a microtask of its own, which is before this one's. */
  caughtUp(subscription: number): Promise<void> {
    return this.#consumers.get(subscription)?.caughtUp() ?? Promise.resolve()
  }

  /** The client has no room any more, or has room again. */
  busy(isBusy: boolean): void {
    for (const consumer of this.#consumers.values()) {
      if (isBusy) consumer.pause()
      else consumer.wake()
    }
  }

  /** Informs the hosts of the subscriptions, which do not see that a client here is cut off. */
  tellAway(isAway: boolean): void {
    for (const consumer of this.#consumers.values()) consumer.tellAway(isAway)
  }

  /** The client is a host whose own client is cut off from it, or is back. */
  away(subscription: number, isAway: boolean): void {
    const consumer = this.#consumers.get(subscription)
    if (consumer !== undefined) consumer.isBeyondAway = isAway
  }

  /** The client is a host, and that consumer ends with it. */
  endsWithHost(subscription: number): void {
    const consumer = this.#consumers.get(subscription)
    if (consumer !== undefined) consumer.endsWithHost = true
  }

  /** The session is over. */
  end(how: SessionEnd): void {
    const consumers = [...this.#consumers.values()]
    this.#consumers.clear()
    for (const consumer of consumers) {
      if (how === 'goodbye') consumer.giveBack('complete')
      else if (how === 'death' || consumer.endsWithHost) consumer.die()
      else consumer.giveBack('death')
    }
  }

  /** The client has messages that are not settled. */
  get hold(): boolean {
    for (const consumer of this.#consumers.values()) if (consumer.holds) return true
    return false
  }

  get isBusy(): boolean {
    return this.#output.isBusy
  }

  takesBack(): boolean {
    return this.#output.takesBack
  }

  isAway(): boolean {
    return !this.#output.isAttached
  }

  settled(key: string, message: Message): KeptVerdict | undefined {
    return this.#settled.isEmpty ? undefined : this.#settled.take(key, message)
  }

  deliver(subscription: number, number: number, message: Message): void {
    this.#output.deliver(subscription, number, message)
  }

  ended(subscription: number, error: MsgvanError | undefined): void {
    if (!this.#consumers.delete(subscription)) {
      // It is not among them yet.
      this.#refused = error
      return
    }
    this.#names.delete(subscription)
    this.patterns.release(subscription)
    const wire = error === undefined ? undefined : toWireError(error)
    this.#output.send(FrameKind.Ended, encodeEnded({ subscription, error: wire }))
  }

  /** The messages that it takes back go out before it. */
  lapsed(subscription: number, through: number): void {
    this.#output.send(FrameKind.Lapsed, encodeLapse({ subscription, through }))
  }

  named(subscription: number, incarnation: string): void {
    this.#output.sendNow(FrameKind.Named, encodeValue({ subscription, incarnation }))
  }

  ruled(subscription: number, rules: SubscriptionRequest): void {
    this.#output.send(FrameKind.Rules, encodeValue(rulesInForce(subscription, rules)))
  }

  #takeRefusal(): MsgvanError | undefined {
    const refused = this.#refused
    this.#refused = undefined
    return refused
  }

  #forgetIfDone(consumer: RemoteConsumer | undefined): void {
    if (consumer?.isDone !== true) return
    this.#consumers.delete(consumer.subscription)
    this.#names.delete(consumer.subscription)
    this.patterns.release(consumer.subscription)
  }
}
