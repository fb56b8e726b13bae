import type { Consumer, LeaveCause, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { AckTimeoutError, describe, type MsgvanError } from '../../errors.js'
import { Message, type Places, type RetryRule } from '../../message/message.js'
import { retryDelayAfter, type RetryDelay } from '../../message/retry-delay.js'
import type { Delivery } from '../../wire/frames/deliver-frame.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import { MOST_VERDICTS, type KeptVerdict } from '../../wire/frames/kept-verdicts.js'
import type { Settlement } from '../../wire/frames/settle-frame.js'
import type { RulesInForce } from '../../wire/frames/subscription-request.js'
import { Deadlines } from '../connection/deadlines.js'
import { LOOKS, silenceOf } from '../../wire/protocol.js'
import { InboxQueue } from './inbox-queue.js'
import { Ledger } from './ledger.js'
import { Question, Questions } from '../calls/questions.js'
import { Unconfirmed } from '../outbox/unconfirmed.js'

/** What an inbox needs of the broker around it. */
export interface InboxOwner {
  /** There are verdicts to send, at the end of the turn. */
  dirty(inbox: Inbox): void
  /** Sends verdicts now, then asks the host to say when it has acted on them. */
  sync(inbox: Inbox): void
  leave(inbox: Inbox, handed: number, kept: readonly number[]): void
  /** Whoever consumes it is cut off from this process, or is back. */
  away(inbox: Inbox, isAway: boolean): void
  /** Hands out again, soon and outside the current call stack. */
  pumpSoon(inbox: Inbox): void
  /** Tells the host that this process is alive. */
  sayHere(): void
  /** Notices a standstill of this process, before anything begins that must not after one. */
  look(): void
  /** The app is done with something that the host had taken away. */
  doneWithTaken(inbox: Inbox): void
  /** For what no call could report. */
  report(error: MsgvanError): void
  /** Sends verdicts now, and goes on (`proceed`) when they have left this process. */
  pumpAfterSending(inbox: Inbox): void
}

/** Without an `ackTimeout` a host gives up a process later than this, however short its heartbeat. */
const LONG_STANDSTILL_MS = 2_000

/** Of more that were taken away and never settled by the app the oldest are forgotten. */
const MOST_TAKEN = 10_000

enum Standing {
  Attached,
  Suspended,
  /** Only settles what it still holds. */
  Left,
}

/** One subscription as its client sees it: what came and was not handed out, what was and is not settled. */
export class Inbox implements Membership {
  readonly pattern: RegExp | string
  ackTimeout: number
  #attempts: number
  /** Undefined: as the host's rules say, which this side did not give and has not been told. */
  #delay: RetryDelay | undefined
  /** The host has said yes in this session. */
  isConfirmed = false
  /** In this session or one before. */
  wasConfirmed = false
  /** The call by which it is asked for, if not the one that every subscription is. */
  asks: { readonly method: string; readonly args: () => object } | undefined
  readonly #owner: InboxOwner
  readonly #deadlines: Deadlines
  #consumer: Consumer
  #standing: Standing = Standing.Attached
  readonly #line = new InboxQueue()
  #inHand: Message | undefined
  readonly #unsettled = new Set<Message>()
  /** What the app still works on, although the host has it back: a bus that drains waits for that too. */
  readonly #taken = new Set<Message>()
  /** The last delivery that was handed out: numbers are the deliveries' tags, undefined once closed. */
  #handed = 0
  /** The last one that the consumer works on, or did: what waits inside `handle` comes behind it. */
  #held = 0
  /** One that the host is told of before it is handed out. */
  #announced = 0
  #isSending = false
  /** Where what was claimed waits for its turn. */
  #places: Places | undefined
  #signs: ReturnType<typeof setInterval> | undefined
  readonly #unconfirmed = new Unconfirmed()
  /** What was settled in a session that is lost, until the host of the next one has it. */
  #verdicts: KeptVerdict[] = []
  /** Of which incarnation of its name: another one owes other messages. */
  #incarnation: string | undefined
  /** What the consumer had, by the message's id, when a session was lost: it comes again. */
  readonly #hadBefore = new Set<string>()
  readonly #ledger = new Ledger(() => this.#owner.dirty(this))
  /** Nothing is handed out until the host has answered them. */
  readonly #questions = new Questions()

  /** It ends with the host that it is a client of. */
  get endsWithHost(): boolean {
    return this.#consumer.endsWithHost === true
  }

  constructor(
    readonly number: number,
    readonly request: SubscriptionRequest,
    consumer: Consumer,
    owner: InboxOwner,
  ) {
    this.pattern = request.pattern
    this.ackTimeout = request.ackTimeout
    this.#attempts = request.attempts
    const isDefault = request.given?.includes('delay') === false
    this.#delay = isDefault ? undefined : request.delay
    this.#consumer = consumer
    this.#owner = owner
    this.#deadlines = new Deadlines(request.ackTimeout, message => {
      this.fail(message, new AckTimeoutError(`Not settled within ackTimeout, ${this.ackTimeout} ms.`))
    })
  }

  /** The subscription has other rules than were asked for. A function stays with who gave it, unless all are to wait as long. */
  ruled({ attempts, ackTimeout, delay }: RulesInForce): void {
    this.#attempts = attempts
    this.ackTimeout = ackTimeout
    this.#deadlines.limit = ackTimeout
    if (delay !== undefined || typeof this.#delay !== 'function') this.#delay = delay
    this.#consumer.ruled?.({ ...this.request, attempts, ackTimeout, delay: delay ?? this.request.delay })
  }

  named(incarnation: string): void {
    // Of what is gone nobody needs to hear.
    if (this.#incarnation !== incarnation) this.#verdicts = []
    this.#incarnation = incarnation
    this.#consumer.named?.(incarnation)
  }

  /** That it joined last. */
  get incarnation(): string | undefined {
    return this.#incarnation
  }

  get hasLeft(): boolean {
    return this.#standing === Standing.Left
  }

  /** Handed out and not settled. */
  get open(): number {
    return this.#unsettled.size + (this.#isOpen(this.#inHand) ? 1 : 0)
  }

  /** What the app works on, whatever the host has done with it. */
  get inHand(): number {
    return this.open + this.#taken.size
  }

  worksIn(places: Places): void {
    this.#places = places
  }

  get books(): Omit<ConsumerBooks, 'subscription'> {
    return {
      line: this.#line.length,
      open: this.open,
      waiting: this.#places?.waiting ?? 0,
      places: this.#places?.free ?? 0,
      takes: this.#standing === Standing.Attached && this.#consumer.isBusy !== true,
      asks: !this.#questions.isNone,
    }
  }

  /** The last delivery that the consumer saw. */
  get handed(): number {
    return this.#handed
  }

  get sole(): Message | undefined {
    if (this.open !== 1) return undefined
    return this.#isOpen(this.#inHand) ? this.#inHand : [...this.#unsettled][0]
  }

  deliver({ envelope, attempt, redelivered, number }: Delivery): void {
    // On its way when we left: the host has it back already.
    if (this.#standing === Standing.Left) return
    const isKnown = this.#hadBefore.size > 0 && this.#hadBefore.delete(envelope.id)
    if (this.#taken.size > 0) this.#comesAgain(envelope.id)
    const message = Message.of(envelope, this, attempt, redelivered || isKnown, number)
    if (attempt > 1 && this.#questions.includes(Question.Again)) this.#line.keepBack(message)
    else this.#line.push(message)
    if (this.ackTimeout > 0)
      this.#signs ??= setInterval(() => this.#sayHere(), silenceOf(this.ackTimeout) / LOOKS)
  }

  /** While messages are here that have to be settled in time: else the host would take this process to be stopped. */
  #sayHere(): void {
    if (this.open === 0 && this.#line.isEmpty) return this.#endSigns()
    this.#owner.look()
    this.#owner.sayHere()
  }

  #endSigns(): void {
    clearInterval(this.#signs)
    this.#signs = undefined
  }

  /** This process was silent for too long: what came up to this delivery is somebody else's by now, and no verdict on it counts. */
  lapsed(through: number): void {
    const open = [...this.#unsettled, ...(this.#inHand === undefined ? [] : [this.#inHand])]
    const isOver = (message: Message): boolean => {
      const number = Message.tagOf(message) as number | undefined
      return number !== undefined && number <= through
    }
    // The host has them: it passes over what is said of them here, which keeps the numbers without a gap.
    const over = open.filter(isOver)
    this.#keepTaken(over)
    for (const message of [...this.#line.takeThrough(through), ...over]) this.release(message)
  }

  /** The host has answered: what had to come first has come, or will not; what is not ours any more has lapsed. */
  synced(): void {
    this.#questions.answered()
    if (this.#questions.isNone) this.#line.bringKept()
  }

  /** Resolves when what was to come first has been handed out; undefined when nothing is. */
  caughtUp(): Promise<void> | undefined {
    return this.#questions.allAnswered()
  }

  tellIfCaughtUp(): void {
    this.#questions.tell()
  }

  inDoubt(): Promise<void> | undefined {
    this.#owner.look()
    return this.#questions.includes(Question.Own) ? this.caughtUp() : undefined
  }

  /** This process stood still, for so many milliseconds at most: the host may have given to others what is here. */
  stoodStill(milliseconds: number): void {
    const isShort = milliseconds < (this.ackTimeout > 0 ? silenceOf(this.ackTimeout) / 2 : LONG_STANDSTILL_MS)
    if (isShort || this.#standing === Standing.Left || this.#questions.includes(Question.Own)) return
    this.#ask(Question.Own)
  }

  #ask(question: Question): void {
    this.#questions.add(question)
    this.#owner.sync(this)
  }

  get #mayHandOut(): boolean {
    return (
      this.#standing === Standing.Attached &&
      this.#questions.isNone &&
      !this.#isSending &&
      (this.#consumer.isBusy !== true || (this.#line.isFirstBrought && this.#consumer.takesBack === true))
    )
  }

  /** Hands out what is there. Never called from inside a `next`. */
  pump(): void {
    while (this.#mayHandOut) {
      const message = this.#line.first
      if (message === undefined) return
      // The one before may have taken very long.
      if (this.ackTimeout > 0) {
        this.#owner.look()
        if (!this.#questions.isNone) return
      }
      // Alone in its turn, with the host told before and after: if this is what kills consumers, no other is blamed for it.
      const number = Message.tagOf(message) as number
      const isSuspect = message.redelivered && this.#consumer.passesOn !== true
      if (isSuspect && this.#announced !== number) return this.#send(number)
      this.#line.shift()
      this.#hand(message)
      if (isSuspect) this.#send(0)
    }
  }

  /** What was to be told is on its way. */
  proceed(): void {
    this.#isSending = false
  }

  #send(announced: number): void {
    this.#announced = announced
    this.#isSending = true
    this.#ledger.news()
    this.#owner.pumpAfterSending(this)
  }

  #hand(message: Message): void {
    this.#handed = Math.max(this.#handed, Message.tagOf(message) as number)
    this.#inHand = message
    try {
      if (Message.isInBytes(message) && this.#consumer.passesOn !== true) Message.decode(message)
      this.#consumer.next(message)
    } catch (error) {
      this.fail(message, error)
    }
    this.#inHand = undefined
    if (!this.#isOpen(message)) return
    this.#unsettled.add(message)
    // Whoever claimed it says when its turn has come.
    if (!Message.isClaimed(message) && this.#consumer.passesOn !== true) this.begin(message)
  }

  begin(message: Message): void {
    const number = Message.tagOf(message) as number | undefined
    if (number === undefined) return
    // What is passed on is timed where it goes.
    if (this.#consumer.passesOn !== true) this.extend(message)
    if (number <= this.#held) return
    this.#held = number
    this.#ledger.news()
  }

  ack(message: Message): boolean {
    const number = this.#close(message)
    if (number === undefined) return false
    this.#ledger.acked(number)
    this.#unconfirmed.add(message)
    return true
  }

  fail(message: Message, error: unknown, retry: RetryRule = {}): boolean {
    const number = this.#close(message)
    if (number === undefined) return false
    const rule = this.#delay
    // A function cannot cross: it is asked here.
    const isLast = message.attempt >= (retry.attempts ?? this.#attempts)
    const delayBy = (delay: RetryDelay): number =>
      retryDelayAfter(delay, error, message.attempt, mistake => this.report(mistake))
    const asked =
      typeof rule === 'function' && !isLast && retry.delay === undefined ? delayBy(rule) : undefined
    const delay = retry.delay ?? asked
    const saying = { verdict: 'fail', error: describe(error), delay, attempts: retry.attempts } as const
    this.#ledger.settled({ number, ...saying })
    this.#unconfirmed.add(message, saying)
    const isAtOnce = (): boolean => rule !== undefined && delayBy(rule) === 0
    const comesFirst = !isLast && (delay === undefined ? isAtOnce() : delay === 0)
    if (comesFirst && this.#standing !== Standing.Left) this.#ask(Question.Again)
    return true
  }

  report(error: MsgvanError): void {
    this.#owner.report(error)
  }

  reject(message: Message, reason: unknown): boolean {
    const number = this.#close(message)
    if (number === undefined) return false
    const saying = { verdict: 'reject', error: describe(reason) } as const
    this.#ledger.settled({ number, ...saying })
    this.#unconfirmed.add(message, saying)
    return true
  }

  release(message: Message, untouched = false): boolean {
    const number = this.#close(message)
    if (number === undefined) return false
    this.#ledger.settled({ number, verdict: untouched ? 'untouched' : 'release' })
    return true
  }

  extend(message: Message): void {
    if (this.ackTimeout > 0 && this.#isOpen(message)) this.#deadlines.start(message)
  }

  leave(cause: LeaveCause): void {
    if (this.#standing === Standing.Left) return
    this.#standing = Standing.Left
    if (cause !== 'complete' && cause !== 'death') this.#taken.clear()
    const kept = this.#keep(cause)
    // What waited behind one that failed and came again has a lower number than that: the host is told that nobody saw it.
    for (const message of this.#line.clear())
      if ((Message.tagOf(message) as number) > this.#handed) Message.tag(message, undefined)
      else this.release(message, true)
    this.#owner.leave(this, this.#handed, kept)
  }

  suspend(cause: LeaveCause): void {
    if (this.#standing !== Standing.Attached) return
    this.#standing = Standing.Suspended
    if (cause === 'complete') return
    // They never left this process: no need to bother the host.
    const back = [...this.#unsettled].sort(
      (a, b) => (Message.tagOf(a) as number) - (Message.tagOf(b) as number),
    )
    this.#line.putFirst(back.map(message => this.#again(message)))
  }

  resume(consumer: Consumer): void {
    if (this.#standing !== Standing.Suspended) return
    this.#standing = Standing.Attached
    this.#consumer = consumer
    this.#owner.pumpSoon(this)
  }

  away(isAway: boolean): void {
    if (this.#standing !== Standing.Left) this.#owner.away(this, isAway)
  }

  /** Only a host's own consumer is ever busy. */
  pause(): void {
    return
  }

  wake(): void {
    this.#owner.pumpSoon(this)
  }

  /** What became of deliveries since the last time. */
  takeSettlement(): Settlement {
    const handed = Math.max(this.#held, this.#announced)
    return { subscription: this.number, handed, ...this.#ledger.take() }
  }

  /** What was settled so far is in this frame. */
  sent(frame: number): void {
    this.#unconfirmed.sent(frame)
  }

  /** The host has for good what was in its frames up to this one. */
  confirmed(frame: number): void {
    this.#unconfirmed.confirmed(frame)
  }

  /** What the host of a new session is told with the subscription: it may still owe these messages. */
  get verdicts(): readonly KeptVerdict[] {
    return this.#verdicts
  }

  /** It has them. */
  verdictsTold(): void {
    this.#verdicts = []
  }

  /** The session is lost, and with it all that was delivered: no verdict on it counts any more, but for those that were given. */
  reset(): void {
    this.#verdicts = [...this.#verdicts, ...this.#unconfirmed.take()].slice(-MOST_VERDICTS)
    this.#hadBefore.clear()
    for (const message of this.#unsettled) this.#hadBefore.add(Message.envelopeOf(message).id)
    this.#keepTaken(this.#unsettled)
    for (const message of [...this.#line.clear(), ...this.#unsettled]) Message.tag(message, undefined)
    if (this.#inHand !== undefined) Message.tag(this.#inHand, undefined)
    this.#deadlines.clear()
    this.#endSigns()
    this.#announced = 0
    this.#questions.clear()
    this.#unsettled.clear()
    this.#handed = 0
    this.#held = 0
    this.#ledger.reset()
    this.tellIfCaughtUp()
    this.#consumer.lapsed?.()
  }

  /** It is over: unsubscribed by name, refused, or the bus closes. */
  end(error: MsgvanError | undefined): void {
    const wasHere = this.#standing !== Standing.Left
    this.#standing = Standing.Left
    this.reset()
    // What works behind it is torn down with it.
    if (error !== undefined) this.#taken.clear()
    if (!wasHere) return
    if (error === undefined) this.#consumer.complete()
    else this.#consumer.error(error)
  }

  /** Nothing new is handed out; what is open can still be settled. */
  stop(): void {
    if (this.#standing === Standing.Attached) this.#standing = Standing.Suspended
  }

  #isOpen(message: Message | undefined): boolean {
    return message !== undefined && Message.tagOf(message) !== undefined
  }

  /** The number of an open delivery, which is closed by this; undefined when it was settled or taken away. */
  #close(message: Message): number | undefined {
    const number = Message.tagOf(message) as number | undefined
    if (number === undefined) {
      if (this.#taken.delete(message)) this.#owner.doneWithTaken(this)
      return undefined
    }
    Message.tag(message, undefined)
    if (message !== this.#inHand) this.#unsettled.delete(message)
    if (!this.#deadlines.isEmpty) this.#deadlines.stop(message)
    return number
  }

  /** Those of which the work has begun, before they are closed. What waits for its turn will not begin. */
  #keepTaken(messages: Iterable<Message>): void {
    if (this.#consumer.passesOn === true) return
    for (const message of messages) {
      if ((Message.tagOf(message) as number) > this.#held) continue
      if (this.#taken.size >= MOST_TAKEN) this.#taken.delete(this.#taken.values().next().value as Message)
      this.#taken.add(message)
    }
  }

  /** Who settles by hand may hold the new delivery in place of the one before. */
  #comesAgain(id: string): void {
    for (const message of this.#taken)
      if (Message.envelopeOf(message).id === id && !Message.isClaimed(message)) this.#taken.delete(message)
  }

  /** Settles nothing: says which open deliveries stay, and takes the others from the app. */
  #keep(cause: LeaveCause): number[] {
    const kept: number[] = []
    for (const message of this.#unsettled) {
      if (cause === 'complete' || cause === 'death') {
        kept.push(Message.tagOf(message) as number)
        continue
      }
      this.#close(message)
    }
    if (this.#isOpen(this.#inHand)) kept.push(Message.tagOf(this.#inHand as Message) as number)
    return kept
  }

  #again(message: Message): Message {
    const number = this.#close(message)
    return Message.of(Message.envelopeOf(message), this, message.attempt, true, number)
  }
}
