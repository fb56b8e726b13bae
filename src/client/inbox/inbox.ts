import type { Consumer } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { AckTimeoutError, type MsgvanError } from '../../errors.js'
import { isWaiting, Message, PAUSED, takeAway } from '../../message/message.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import type { Delivery } from '../../wire/frames/deliver-frame.js'
import type { Settlement } from '../../wire/frames/settle-frame.js'
import type { RulesInForce } from '../../wire/frames/subscription-request.js'
import { silenceOf } from '../../wire/protocol.js'
import { Question } from '../calls/questions.js'
import type { DeliveryMemory } from './verdicts/delivery-memory.js'
import { HandOut, type HandOutOwner } from './hand-out.js'
import { InboxMembership, type MembershipOwner } from './inbox-membership.js'
import { PresenceSignals } from './presence-signals.js'
import { UnsettledDeliveries } from './unsettled-deliveries.js'
import { Verdicts } from './verdicts/verdicts.js'

/** All inboxes of the bus, and its link. */
export interface InboxOwner {
  /** The inbox has verdicts to send at the end of the turn. */
  dirty(inbox: Inbox): void
  /** Sends verdicts now, then asks the host to answer when it has acted on them. */
  sync(inbox: Inbox): void
  leave(inbox: Inbox, handed: number, kept: readonly number[]): void
  /** The process of its consumer is cut off from this one, or is back. */
  away(inbox: Inbox, isAway: boolean): void
  /** Hands out again, soon and outside the current call stack. */
  pumpSoon(inbox: Inbox): void
  /** Reports to the host that this process is alive. */
  sayHere(): void
  /** Notices a standstill of this process, before anything begins that must not begin after one. */
  look(): void
  /** The memory of an inbox that joined this incarnation of its name. */
  memoryOf(inbox: Inbox, incarnation: string): DeliveryMemory
  /** The app has settled a message that the host took back. */
  withdrawnSettled(inbox: Inbox): void
  /** For errors that no call can report. */
  report(error: MsgvanError): void
  /** Sends verdicts now, and goes on (`proceed`) when they have left this process. */
  pumpAfterSending(inbox: Inbox): void
}

/** Without an `ackTimeout` a host gives up a process later than this, however short its heartbeat. */
const LONG_STANDSTILL_MS = 2_000

/** One subscription in a host, as its client sees it. Frames of the host go to this object, its consumer's calls to `membership`. */
export class Inbox implements HandOutOwner, MembershipOwner {
  readonly membership: InboxMembership
  readonly verdicts: Verdicts
  /** The host accepted it in this session. */
  isConfirmed = false
  /** The host accepted it in this session or an earlier one. */
  wasConfirmed = false
  /** For a host that joins a leader: returns its introduction, with which `backbone.join` asks for this. Default: `subscribe` asks. */
  introduction: (() => object) | undefined
  readonly #owner: InboxOwner
  readonly #unsettled: UnsettledDeliveries
  readonly #handOut: HandOut
  readonly #signals: PresenceSignals

  constructor(
    readonly number: number,
    readonly request: SubscriptionRequest,
    consumer: Consumer,
    memory: DeliveryMemory,
    owner: InboxOwner,
  ) {
    this.#owner = owner
    this.verdicts = new Verdicts(memory, () => owner.dirty(this))
    this.#unsettled = new UnsettledDeliveries(
      request.ackTimeout,
      message => this.#timeOut(message),
      () => owner.withdrawnSettled(this),
    )
    this.#handOut = new HandOut(consumer, this.#unsettled, this)
    this.#signals = new PresenceSignals(() => this.#signalPresence())
    const parts = { unsettled: this.#unsettled, verdicts: this.verdicts, handOut: this.#handOut }
    this.membership = new InboxMembership(request, parts, this)
  }

  /** The consumer ends with the host whose client this side is. */
  get endsWithHost(): boolean {
    return this.#handOut.consumer.endsWithHost === true
  }

  get memory(): DeliveryMemory {
    return this.verdicts.memory
  }

  get hasLeft(): boolean {
    return this.#handOut.hasLeft
  }

  /** Deliveries that the consumer has and did not settle. */
  get open(): number {
    return this.#unsettled.size
  }

  /** Messages that the app works on, those that the host took back included. */
  get inHand(): number {
    return this.#unsettled.inHand
  }

  /** Failed messages that the host drops when this bus closes: their subscription has no name. */
  get retrying(): number {
    return this.hasLeft ? 0 : this.membership.retrying
  }

  /** The last delivery that the consumer got. */
  get handed(): number {
    return this.#handOut.last
  }

  get books(): Omit<ConsumerBooks, 'subscription'> {
    const { queue, questions, consumer, isAttached, isStopped } = this.#handOut
    const { places } = this.membership
    return {
      line: queue.length,
      open: this.open,
      waiting: places?.waiting ?? 0,
      places: places?.free ?? 0,
      takes: isAttached && !isStopped && consumer.isBusy !== true,
      asks: !questions.isNone,
    }
  }

  /** The host has other rules than the request. */
  ruled(rules: RulesInForce): void {
    this.membership.ruled(rules)
    const { attempts, ackTimeout, delay = this.request.delay } = rules
    const { paused = false } = rules
    this.#handOut.consumer.ruled?.({ ...this.request, attempts, ackTimeout, delay, paused })
    if (paused) this.#giveBackWaiting()
  }

  #giveBackWaiting(): void {
    const waiting = [...this.#unsettled.messages].filter(isWaiting)
    for (const message of [...this.#handOut.queue.clear(), ...waiting]) this.membership.release(message, true)
    this.#takenAway(waiting, PAUSED)
  }

  /** The consumer joined this incarnation of its name. */
  named(incarnation: string): void {
    this.verdicts.memory = this.#owner.memoryOf(this, incarnation)
    this.#handOut.consumer.named?.(incarnation)
  }

  deliver({ envelope, attempt, redelivered, number }: Delivery): void {
    const { queue, questions, hasLeft } = this.#handOut
    // It was on its way when the consumer left, and the host has it back already.
    if (hasLeft) return
    const isKnown = this.memory.comesAgain(envelope)
    if (this.#unsettled.withdrawn.size > 0) this.#unsettled.withdrawn.deleteUnclaimed(envelope.id)
    const { membership } = this
    membership.arrived(envelope)
    const message = Message.of(envelope, membership, attempt, redelivered || isKnown, number)
    if (attempt > 1 && questions.includes(Question.Again)) queue.keepBack(message)
    else queue.push(message)
    if (membership.ackTimeout > 0) this.#signals.start(membership.ackTimeout)
  }

  pump(): void {
    this.#handOut.pump()
  }

  /** Verdicts have left this process. */
  proceed(): void {
    this.#handOut.proceed()
  }

  /** This process was silent for too long: the host took back all deliveries up to this one. */
  lapsed(through: number): void {
    const over = this.#unsettled.through(through)
    if (!this.#passesOn) this.#unsettled.withdraw(over)
    // The host ignores these verdicts. They keep the numbers without a gap.
    for (const message of this.#handOut.queue.removeThrough(through)) this.membership.release(message, true)
    for (const message of over) this.membership.release(message)
    this.#takenAway(over, 'this process stood still for too long')
  }

  /**
   * The host answered the oldest question. Before that, it sent the messages that had to come first, and took back
   * those that it gave to others.
   */
  synced(): void {
    const { questions, queue } = this.#handOut
    questions.answered()
    if (questions.isNone) queue.bringKept()
  }

  tellIfCaughtUp(): void {
    this.#handOut.questions.resume()
  }

  /** This process stood still, for so many milliseconds at most: the host may have given its deliveries to others. */
  stoodStill(milliseconds: number): void {
    const { ackTimeout } = this.membership
    const isShort = milliseconds < (ackTimeout > 0 ? silenceOf(ackTimeout) / 2 : LONG_STANDSTILL_MS)
    if (isShort || this.hasLeft || this.#handOut.questions.includes(Question.Own)) return
    this.ask(Question.Own)
  }

  ask(question: Question): void {
    this.#handOut.questions.add(question)
    this.#owner.sync(this)
  }

  /** The settlements since the last time. */
  takeSettlement(): Settlement {
    return { subscription: this.number, handed: this.#handOut.reached, ...this.verdicts.take() }
  }

  /** The session is lost, and with it all deliveries. The verdicts on them are kept. */
  reset(): void {
    this.#takenAway(this.#reset(), 'the session in the host is lost')
  }

  /** @returns the messages that are no longer the app's */
  #reset(): Message[] {
    this.membership.reset()
    this.verdicts.reset()
    for (const message of this.#unsettled.messages) this.memory.saw(message)
    const taken = this.#unsettled.reset(!this.#passesOn)
    this.#handOut.reset()
    this.#signals.stop()
    this.tellIfCaughtUp()
    this.#handOut.consumer.lapsed?.()
    return taken
  }

  /** The subscription is over: unsubscribed by name, refused, or the bus closes. */
  end(error: MsgvanError | undefined): void {
    const { consumer, hasLeft } = this.#handOut
    this.#handOut.leave()
    this.#takenAway(this.#reset(), 'its subscription was removed, or the bus is closed')
    // The error tears down the pipeline, and all work in it.
    if (error !== undefined) this.#unsettled.withdrawn.clear()
    if (hasLeft) return
    if (error === undefined) consumer.complete()
    else consumer.error(error)
  }

  /** Hands out nothing more. Open deliveries can still be settled. */
  stop(): void {
    this.#handOut.stop()
  }

  left(kept: readonly number[]): void {
    this.#owner.leave(this, this.handed, kept)
  }

  away(isAway: boolean): void {
    this.#owner.away(this, isAway)
  }

  pumpSoon(): void {
    this.#owner.pumpSoon(this)
  }

  pumpAfterSending(): void {
    this.verdicts.news()
    this.#owner.pumpAfterSending(this)
  }

  look(): void {
    this.#owner.look()
  }

  report(error: MsgvanError): void {
    this.#owner.report(error)
  }

  get #passesOn(): boolean {
    return this.#handOut.consumer.passesOn === true
  }

  /** Soon, outside the current call stack: it runs an app's code. */
  #takenAway(messages: readonly Message[], why: string): void {
    if (messages.length > 0 && !this.#passesOn) queueMicrotask(() => takeAway(messages, why))
  }

  #timeOut(message: Message): void {
    const { membership } = this
    const { ackTimeout } = membership
    const error = new AckTimeoutError(`Not settled within ackTimeout, ${ackTimeout} ms.`)
    if (membership.fail(message, error))
      this.#takenAway([message], `its ackTimeout of ${ackTimeout} ms has passed`)
  }

  #signalPresence(): void {
    if (this.open === 0 && this.#handOut.queue.isEmpty) return this.#signals.stop()
    this.#owner.look()
    this.#owner.sayHere()
  }
}
