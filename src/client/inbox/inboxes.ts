import type { Waiting } from '../../bus/drain-timeout.js'
import type { Consumer } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { isReplyInbox } from '../../bus/actors/reply-inbox.js'
import type { MsgvanError } from '../../errors.js'
import { isRequestPattern } from '../../message/pattern.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { encodeLeave, encodeSync, type Lapse } from '../../wire/frames/control-frames.js'
import type { DeliverReader } from '../../wire/frames/deliver-frame.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { writeSettlement } from '../../wire/frames/settle-frame.js'
import type { Named, RulesInForce } from '../../wire/frames/subscription-request.js'
import type { DeliveryMemory } from './verdicts/delivery-memory.js'
import { DeliveryMemories } from './verdicts/delivery-memories.js'
import { SentVerdicts } from './verdicts/sent-verdicts.js'
import { Inbox, type InboxOwner } from './inbox.js'
import { KeptNames } from './kept-names.js'
import { unsettledOf, waitingOf } from './left-behind.js'
import { Standstill } from '../connection/standstill.js'

/**
 * Runs it in the next turn. By then the operating system has everything that was sent. In a browser, a timer has the
 * same effect.
 */
function nextTurn(run: () => void): void {
  if ('setImmediate' in globalThis) setImmediate(run)
  else setTimeout(run)
}

export interface InboxesLink {
  wake(): void
  /** For errors that no call can report. */
  report?(error: MsgvanError): void
  /** @returns the frame's number */
  send(kind: FrameKind, frame: Uint8Array): number
  /** Reports to the host that this process is alive. */
  sayHere(): void
  /** The app has settled a message that the host took back. No frame reports it. */
  withdrawnSettled?(): void
  /** For a host: a client of its own is cut off from it, or is back. */
  away?(subscription: number, isAway: boolean): void
}

/** All subscriptions of one bus. It hands out deliveries one at a time, and sends the verdicts back. */
export class Inboxes implements InboxOwner {
  readonly #link: InboxesLink
  readonly #inboxes = new Map<number, Inbox>()
  /** They are over, but the app still works on their messages. */
  readonly #past = new Set<Inbox>()
  readonly #memories = new DeliveryMemories()
  readonly #writer = new ByteWriter()
  #dirty: Inbox[] = []
  readonly sent = new SentVerdicts()
  /** A hand-out is running. Later deliveries wait for its end. */
  #isHandingOut = false
  #lastNumber = 0
  readonly #standstill = new Standstill(milliseconds => {
    for (const inbox of this.#inboxes.values()) inbox.stoodStill(milliseconds)
  })
  readonly #names = new KeptNames()

  constructor(link: InboxesLink) {
    this.#link = link
  }

  report(error: MsgvanError): void {
    this.#link.report?.(error)
  }

  /** The number of messages that the app works on. */
  get inHand(): number {
    let sum = 0
    for (const inbox of this.#inboxes.values()) sum += inbox.inHand
    for (const inbox of this.#past) sum += inbox.inHand
    return sum
  }

  /** See `unsettledOf`. */
  unsettled(): ReturnType<typeof unsettledOf> {
    return unsettledOf([...this.#inboxes.values(), ...this.#past])
  }

  waiting(): Waiting[] {
    return waitingOf([...this.#inboxes.values()])
  }

  get isDirty(): boolean {
    return this.#dirty.length > 0
  }

  open(request: SubscriptionRequest, consumer: Consumer): Inbox {
    const inbox = new Inbox(++this.#lastNumber, request, consumer, this.#memories.of(request.name), this)
    this.#inboxes.set(inbox.number, inbox)
    this.#standstill.begin()
    return inbox
  }

  confirmed(): Inbox[] {
    return [...this.#inboxes.values()].filter(inbox => inbox.isConfirmed)
  }

  /**
   * The inboxes that the host forgets with the session, except those for requests and answers: their askers learn of a
   * loss in another way.
   */
  unnamed(): Inbox[] {
    return [...this.#inboxes.values()].filter(
      ({ request, hasLeft, wasConfirmed }) =>
        wasConfirmed && request.name === undefined && !hasLeft && !isOfBus(request),
    )
  }

  /** The host has accepted it. */
  confirm(inbox: Inbox): void {
    inbox.isConfirmed = true
    inbox.wasConfirmed = true
    const { name, pattern } = inbox.request
    if (name !== undefined && !isRequestPattern(pattern))
      this.#names.add(name, () => [...this.#inboxes.values()].map(({ request }) => request.name))
  }

  /**
   * Those whose messages wait at the host under a name. It counts names that were confirmed before, because `repeat()` may have
   * subscribed again just now.
   */
  named(): Inbox[] {
    return [...this.#inboxes.values()].filter(
      ({ request: { name }, hasLeft }) => !hasLeft && this.#names.has(name),
    )
  }

  ruled(rules: RulesInForce): void {
    this.#inboxes.get(rules.subscription)?.ruled(rules)
  }

  joined({ subscription, incarnation }: Named): void {
    this.#inboxes.get(subscription)?.named(incarnation)
  }

  deliver(reader: DeliverReader): void {
    for (let delivery = reader.next(); delivery !== undefined; delivery = reader.next()) {
      const inbox = this.#inboxes.get(delivery.subscription)
      if (inbox === undefined) continue
      inbox.deliver(delivery)
      this.#pump(inbox)
    }
  }

  synced(subscription: number): void {
    const inbox = this.#inboxes.get(subscription)
    if (inbox === undefined) return
    inbox.synced()
    this.#pump(inbox)
    inbox.tellIfCaughtUp()
  }

  /** The state of one subscription here. Its verdicts so far are sent before it. */
  books(subscription: number): ConsumerBooks {
    this.flush()
    const nothing = { line: 0, open: 0, waiting: 0, places: 0, takes: false, asks: false }
    return { subscription, ...(this.#inboxes.get(subscription)?.books ?? nothing) }
  }

  lapsed({ subscription, through }: Lapse): void {
    this.#inboxes.get(subscription)?.lapsed(through)
  }

  ended(subscription: number, error: MsgvanError | undefined): void {
    const inbox = this.#inboxes.get(subscription)
    if (inbox !== undefined) this.end(inbox, error)
  }

  end(inbox: Inbox, error: MsgvanError | undefined): void {
    this.#forget(inbox)
    inbox.end(error)
    if (inbox.inHand > 0) this.#past.add(inbox)
  }

  endAll(error: MsgvanError | undefined): void {
    for (const inbox of [...this.#inboxes.values()]) this.end(inbox, error)
  }

  /** Before the bus goes: reports to the host, for each subscription, the last delivery that the consumer saw. */
  sayGoodbye(): void {
    this.flush()
    for (const { hasLeft, number, handed } of this.#inboxes.values()) {
      if (!hasLeft) this.#link.send(FrameKind.Leave, encodeLeave({ subscription: number, handed, kept: [] }))
    }
  }

  /** Hands out nothing more, except answers: the work in hand may wait for them. */
  stop(isMeant: (inbox: Inbox) => boolean = () => true): void {
    for (const inbox of this.#inboxes.values())
      if (!isReplyInbox(inbox.request) && isMeant(inbox)) inbox.stop()
  }

  /** The session is lost: all deliveries are withdrawn. A consumer that left has nothing more to settle. */
  reset(): void {
    this.#memories.sessionLost()
    this.#dirty = []
    this.sent.clear()
    for (const inbox of [...this.#inboxes.values()]) {
      inbox.reset()
      inbox.memory.sessionLost()
      if (inbox.hasLeft) this.#forget(inbox)
    }
  }

  flush(): void {
    if (this.#dirty.length === 0) return
    const dirty = this.#dirty
    this.#dirty = []
    for (const inbox of dirty) {
      writeSettlement(this.#writer, inbox.takeSettlement())
      this.#forgetIfDone(inbox)
    }
    this.sent.add(this.#link.send(FrameKind.Settle, this.#writer.take()), dirty)
  }

  dirty(inbox: Inbox): void {
    this.#dirty.push(inbox)
    this.#link.wake()
  }

  sync(inbox: Inbox): void {
    this.flush()
    this.#link.send(FrameKind.Sync, encodeSync(inbox.number))
  }

  leave(inbox: Inbox, handed: number, kept: readonly number[]): void {
    // Verdicts first, so that settled messages do not go back.
    this.flush()
    this.#link.send(FrameKind.Leave, encodeLeave({ subscription: inbox.number, handed, kept }))
    this.#forgetIfDone(inbox)
  }

  away({ number }: Inbox, isAway: boolean): void {
    this.#link.away?.(number, isAway)
  }

  sayHere(): void {
    this.#link.sayHere()
  }

  look(): void {
    this.#standstill.look()
  }

  memoryOf({ request, memory }: Inbox, incarnation: string): DeliveryMemory {
    return request.name === undefined ? memory : this.#memories.joined(request.name, incarnation)
  }

  withdrawnSettled(inbox: Inbox): void {
    if (inbox.inHand === 0) this.#past.delete(inbox)
    this.#link.withdrawnSettled?.()
  }

  pumpSoon(inbox: Inbox): void {
    queueMicrotask(() => this.#pump(inbox))
  }

  pumpAfterSending(inbox: Inbox): void {
    this.flush()
    nextTurn(() => {
      inbox.proceed()
      this.#pump(inbox)
    })
  }

  #forgetIfDone(inbox: Inbox): void {
    if (inbox.hasLeft && inbox.open === 0) this.#forget(inbox)
  }

  #forget(inbox: Inbox): void {
    this.#inboxes.delete(inbox.number)
    if (inbox.inHand > 0) this.#past.add(inbox)
    if (this.#inboxes.size === 0) this.#standstill.end()
  }

  #pump(inbox: Inbox): void {
    if (this.#isHandingOut) return
    this.#isHandingOut = true
    try {
      inbox.pump()
    } finally {
      this.#isHandingOut = false
    }
  }
}

function isOfBus(request: SubscriptionRequest): boolean {
  return isReplyInbox(request) || isRequestPattern(request.pattern)
}
