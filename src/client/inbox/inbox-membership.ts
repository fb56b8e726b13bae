import type { Consumer, LeaveCause, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import { describe, type MsgvanError } from '../../errors.js'
import { Message, takeAway, type Places, type RetryRule } from '../../message/message.js'
import type { RulesInForce } from '../../wire/frames/subscription-request.js'
import { Question } from '../calls/questions.js'
import { numberOf } from './delivery-number.js'
import type { HandOut } from './hand-out.js'
import { RetryRules } from './retry-rules.js'
import type { UnsettledDeliveries } from './unsettled-deliveries.js'
import type { Verdicts } from './verdicts/verdicts.js'

/** The inbox around a membership. */
export interface MembershipOwner {
  /** The host accepted it, in this session or an earlier one. */
  readonly wasConfirmed: boolean
  /** Pauses the hand-out until the host has answered this. */
  ask(question: Question): void
  /** Tells the host that the consumer has left. @param kept its open deliveries */
  left(kept: readonly number[]): void
  /** The process of the consumer is cut off from this one, or is back. */
  away(isAway: boolean): void
  /** Hands out again, soon and outside the current call stack. */
  pumpSoon(): void
  /** Notices a standstill of this process. */
  look(): void
  /** For errors that no call can report. */
  report(error: MsgvanError): void
}

/** The consumer's side of a subscription in a host: settles deliveries, leaves, suspends and resumes. */
export class InboxMembership implements Membership {
  readonly pattern: RegExp | string
  ackTimeout: number
  readonly #rules: RetryRules
  readonly #unsettled: UnsettledDeliveries
  readonly #verdicts: Verdicts
  readonly #handOut: HandOut
  readonly #owner: MembershipOwner
  /** Without a name: the ids of failed messages that did not come again yet. The host drops them when this bus closes. */
  readonly #retrying = new Set<string>()
  /** The places of `handle`, if it claims the messages. */
  #places: Places | undefined

  constructor(
    readonly request: SubscriptionRequest,
    parts: { unsettled: UnsettledDeliveries; verdicts: Verdicts; handOut: HandOut },
    owner: MembershipOwner,
  ) {
    this.pattern = request.pattern
    this.ackTimeout = request.ackTimeout
    this.#rules = new RetryRules(request)
    this.#unsettled = parts.unsettled
    this.#verdicts = parts.verdicts
    this.#handOut = parts.handOut
    this.#owner = owner
  }

  get sole(): Message | undefined {
    return this.#unsettled.sole
  }

  /** The host accepted it, in this session or an earlier one. */
  get wasConfirmed(): boolean {
    return this.#owner.wasConfirmed
  }

  get hasLeft(): boolean {
    return this.#handOut.hasLeft
  }

  get places(): Places | undefined {
    return this.#places
  }

  worksIn(places: Places): void {
    this.#places = places
  }

  /** The host has other rules than the app asked for. */
  ruled(rules: RulesInForce): void {
    this.#rules.change(rules)
    this.ackTimeout = rules.ackTimeout
    this.#unsettled.ackTimeout = rules.ackTimeout
  }

  begin(message: Message): void {
    const number = numberOf(message)
    if (number === undefined) return
    // The other process times the messages that are passed on to it.
    if (this.#handOut.consumer.passesOn !== true) this.extend(message)
    if (this.#unsettled.begin(number)) this.#verdicts.news()
  }

  ack(message: Message): boolean {
    const number = this.#unsettled.close(message)
    if (number === undefined) return false
    this.#verdicts.ack(message, number)
    return true
  }

  fail(message: Message, error: unknown, retry: RetryRule = {}): boolean {
    const number = this.#unsettled.close(message)
    if (number === undefined) return false
    const { delay, isRetried, isFirst } = this.#rules.decide(message, error, retry, mistake =>
      this.report(mistake),
    )
    if (isRetried && this.request.name === undefined) this.#retrying.add(message.id)
    const { attempts } = retry
    this.#verdicts.fail(message, number, { verdict: 'fail', error: describe(error), delay, attempts })
    if (isFirst && !this.#handOut.hasLeft) this.#owner.ask(Question.Again)
    return true
  }

  /** A message arrived. */
  arrived(envelope: Envelope): void {
    if (this.#retrying.size > 0) this.#retrying.delete(envelope.id)
  }

  /** Failed messages that wait in the host, and end with this bus. */
  get retrying(): number {
    return this.#retrying.size
  }

  /** The session is lost, and with it all that an unnamed subscription has in the host. */
  reset(): void {
    this.#retrying.clear()
  }

  reject(message: Message, reason: unknown): boolean {
    const number = this.#unsettled.close(message)
    if (number === undefined) return false
    this.#verdicts.fail(message, number, { verdict: 'reject', error: describe(reason) })
    return true
  }

  release(message: Message, untouched = false, isAbandoned = false): boolean {
    const number = this.#unsettled.close(message)
    if (number === undefined) return false
    this.#verdicts.release(message, number, untouched, isAbandoned)
    return true
  }

  extend(message: Message): void {
    if (this.ackTimeout > 0 && numberOf(message) !== undefined) this.#unsettled.startDeadline(message)
  }

  inDoubt(): Promise<void> | undefined {
    this.#owner.look()
    return this.#handOut.questions.includes(Question.Own) ? this.caughtUp() : undefined
  }

  caughtUp(): Promise<void> | undefined {
    return this.#handOut.questions.allAnswered()
  }

  leave(cause: LeaveCause): void {
    if (this.#handOut.hasLeft) return
    this.#handOut.leave()
    const taken: Message[] = []
    const kept = this.#unsettled.leave(cause, message => {
      this.#verdicts.memory.saw(message)
      taken.push(message)
    })
    // A queued message behind one that failed and came again has a lower number than that one, so it needs a verdict of its own.
    for (const message of this.#handOut.queue.clear())
      if ((numberOf(message) as number) > this.#handOut.last) Message.tag(message, undefined)
      else this.release(message, true)
    this.#owner.left(kept)
    this.#takenAway(taken, 'its subscriber is gone')
  }

  suspend(cause: LeaveCause): void {
    if (!this.#handOut.isAttached) return
    this.#handOut.suspend()
    if (cause === 'complete') return
    // They never left this process, so the host need not know.
    const taken = this.#unsettled.inOrder()
    this.#handOut.queue.putFirst(taken.map(message => this.#again(message)))
    this.#takenAway(taken, 'its pipeline broke off')
  }

  resume(consumer: Consumer): void {
    if (this.#handOut.isAttached || this.#handOut.hasLeft) return
    this.#handOut.resume(consumer)
    this.#owner.pumpSoon()
  }

  away(isAway: boolean): void {
    if (!this.#handOut.hasLeft) this.#owner.away(isAway)
  }

  /** Does nothing: the hand-out asks a consumer before each message. */
  pause(): void {
    return
  }

  wake(): void {
    this.#owner.pumpSoon()
  }

  report(error: MsgvanError): void {
    this.#owner.report(error)
  }

  #takenAway(messages: readonly Message[], why: string): void {
    if (this.#handOut.consumer.passesOn !== true) takeAway(messages, why)
  }

  #again(message: Message): Message {
    const number = this.#unsettled.close(message)
    return Message.of(Message.envelopeOf(message), this, message.attempt, true, number)
  }
}
