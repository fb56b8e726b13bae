import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { AckTimeoutError, ConsumerDiedError, type MsgvanError } from '../../../errors.js'
import type { Message } from '../../../message/message.js'
import type { Leave } from '../../../wire/frames/control-frames.js'
import { broken } from '../../../wire/protocol.js'
import type { KeptVerdict } from '../../../wire/frames/kept-verdicts.js'
import type { Settlement, Verdict } from '../../../wire/frames/settle-frame.js'
import { hostBooks, type HostBooks, type Watched } from '../stall-watch.js'
import { ConsumerMarks } from './consumer-marks.js'
import { settleAs } from './settle-as.js'
import { keyOfName } from '../settled-before.js'
import { SilenceWatch, type Hearing, type SilentConsumer } from './client-silence.js'

export interface RemoteConsumerOwner {
  /** Sends one delivery, with those around it. */
  deliver(subscription: number, number: number, message: Message): void
  /** The subscription ended at the host's side. */
  ended(subscription: number, error: MsgvanError | undefined): void
  /** Deliveries up to this one do not belong to the client any more. */
  lapsed(subscription: number, through: number): void
  /** The incarnation of the name that the client has joined. */
  named(subscription: number, incarnation: string): void
  /** The subscription has other rules than the client asked for. */
  ruled(subscription: number, rules: SubscriptionRequest): void
  /** The client is cut off. */
  isAway(): boolean
  /** Signs of the client. */
  readonly hearing: Hearing
  /** A consumer's verdict on the message from before this host, or its session, began. */
  settled(key: string, message: Message): KeptVerdict | undefined
  /** The client has so much unread data that it gets nothing more for now. */
  readonly isBusy: boolean
  /** Whether the consumer may still get a message again that it failed. */
  takesBack(): boolean
}

export interface RemoteConsumerState {
  /** The number of the last delivery. */
  readonly last: number
  /** The last delivery that the client reported as begun. */
  readonly handed: number
  readonly hasLeft: boolean
  readonly ackTimeout: number
  /** If the client is a host: the consumer behind it is cut off. */
  readonly isBeyondAway?: boolean
  /** Its client runs in the host whose client it is. */
  readonly endsWithHost?: boolean
}

/** One client's place in one subscription: numbers its deliveries, and settles them by the client's verdicts. */
export class RemoteConsumer extends ConsumerMarks implements Consumer, SilentConsumer, Watched {
  readonly #owner: RemoteConsumerOwner
  #membership: Membership | undefined
  #hasLeft = false
  #hasEnded = false
  #watch: SilenceWatch | undefined
  #isSilent = false

  constructor(
    readonly subscription: number,
    owner: RemoteConsumerOwner,
  ) {
    super()
    this.#owner = owner
  }

  set membership(membership: Membership) {
    this.#membership = membership
  }

  get joined(): Membership | undefined {
    return this.#membership
  }

  /** The state of the consumer, for another process to continue. */
  get state(): RemoteConsumerState {
    const { lastNumber: last, handed, isBeyondAway, endsWithHost } = this
    const ackTimeout = this.#watch?.ackTimeout ?? 0
    return { last, handed, hasLeft: this.#hasLeft, ackTimeout, isBeyondAway, endsWithHost }
  }

  /** Call it before the first delivery: continues the state of another process. */
  restore({ last, handed, isBeyondAway = false, endsWithHost = false }: RemoteConsumerState): void {
    this.startAfter(last, handed)
    this.isBeyondAway = isBeyondAway
    this.endsWithHost = endsWithHost
  }

  /** The client holds this delivery, and its membership has it. */
  restoreOpen(number: number, message: Message): void {
    if (this.keepOpen(number, message)) this.#watch?.begin()
  }

  /** The consumer has left, and settles its open deliveries. */
  restoreLeft(): void {
    this.#leaveBroker()
  }

  get passesOn(): boolean {
    return true
  }

  get isBusy(): boolean {
    return this.#owner.isBusy || this.#isSilent
  }

  get takesBack(): boolean {
    return !this.#isSilent && this.#owner.takesBack()
  }

  /** The client has no room any more. */
  pause(): void {
    this.#membership?.pause()
  }

  /** The client has room again. */
  wake(): void {
    this.#membership?.wake()
  }

  /** Milliseconds of silence (`ackTimeout`) after which the client has failed its messages in work. */
  expectSettledIn(ackTimeout: number): void {
    this.#watch?.end()
    this.#watch = ackTimeout > 0 ? new SilenceWatch(this.#owner.hearing, ackTimeout, this) : undefined
    if (this.holds) this.#watch?.begin()
  }

  /** Changes with every event here; undefined while it holds nothing and is owed nothing. */
  get progress(): string | undefined {
    const isOwed = !this.#hasLeft && this.#membership?.hasCredit === true && (this.#membership.ready ?? 0) > 0
    if (!this.holds && !isOwed) return undefined
    return `${this.lastNumber} ${this.openCount} ${this.handed} ${this.#membership?.readTo ?? 0}`
  }

  get books(): HostBooks {
    return hostBooks(this.#membership, this.openCount)
  }

  get isAway(): boolean {
    return this.isBeyondAway || this.#owner.isAway()
  }

  /** Informs the host that has the subscription, if that is another one. */
  tellAway(isAway: boolean): void {
    this.#membership?.away?.(isAway)
  }

  named(incarnation: string): void {
    if (this.name !== undefined) this.key = keyOfName(this.name, incarnation)
    this.#owner.named(this.subscription, incarnation)
  }

  ruled(rules: SubscriptionRequest): void {
    this.expectSettledIn(rules.ackTimeout)
    this.#owner.ruled(this.subscription, rules)
  }

  fellSilent(): void {
    const through = this.lastNumber
    // First, so that returned messages do not come here again.
    this.#isSilent = true
    this.#membership?.pause()
    this.#failHeld(
      new AckTimeoutError('Not settled within ackTimeout: the process that holds it gives no sign of life.'),
    )
    this.#releaseAll()
    this.#owner.lapsed(this.subscription, through)
  }

  heardAgain(): void {
    this.#isSilent = false
    this.#membership?.wake()
  }

  /** Whether the consumer has left, and has nothing left to settle. */
  get isDone(): boolean {
    return this.#hasEnded || (this.#hasLeft && this.openCount === 0)
  }

  next(message: Message): void {
    const verdict = this.key === undefined ? undefined : this.#owner.settled(this.key, message)
    if (verdict !== undefined) return settleAs(this.#membership, message, verdict)
    if (this.hides?.(message) === true) {
      this.#membership?.ack(message)
      return
    }
    if (this.addOpen(message)) this.#watch?.begin()
    this.#owner.deliver(this.subscription, this.lastNumber, message)
  }

  /** The subscription's host gives its messages to others: those that wait at the client must not begin. */
  lapsed(): void {
    if (this.openCount === 0) return
    for (const [number] of this.open) this.closeDelivery(number)
    this.#watch?.end()
    this.#owner.lapsed(this.subscription, this.lastNumber)
  }

  error(error: MsgvanError): void {
    this.#end(error)
  }

  complete(): void {
    this.#end(undefined)
  }

  /** @throws ProtocolError for deliveries that were never made */
  settle({ through, handed, verdicts }: Settlement): void {
    if (through > this.lastNumber || handed > this.lastNumber)
      throw broken('settles a delivery that never was')
    const begun = this.began(handed)
    if (begun !== undefined) this.#membership?.begin(begun)
    for (const verdict of verdicts) this.#apply(verdict)
    this.closeThrough(through, this.#membership)
  }

  /** @throws ProtocolError */
  leave({ handed, kept }: Leave): void {
    if (handed > this.lastNumber) throw broken('was handed a delivery that never was')
    if (this.#hasLeft) return
    // First, so that returned messages do not come here again.
    this.#leaveBroker()
    const keep = new Set(kept)
    for (const [number, message] of this.open) {
      if (keep.has(number)) continue
      this.closeDelivery(number)
      this.#membership?.release(message, number > handed)
    }
  }

  /**
   * Returns the client's messages, which have not failed. `'death'`: the host between died, and its client may come
   * back.
   */
  giveBack(cause: 'complete' | 'death'): void {
    this.#leaveBroker(cause)
    this.#releaseAll()
  }

  /**
   * Another process takes the place of the client, which is a host.
   *
   * @returns the membership, which waits for a consumer of that process; undefined if it has left
   */
  passOn(): Membership | undefined {
    if (this.#hasLeft || this.#hasEnded) return undefined
    this.#hasLeft = true
    this.#watch?.end()
    this.clearOpen()
    // Messages on their way come back into the queue.
    this.#membership?.suspend('unsubscribe')
    return this.#membership
  }

  /** The client died. */
  die(): void {
    this.#leaveBroker('death')
    this.#failHeld(new ConsumerDiedError('The process that held the message died.'))
    this.#releaseAll()
  }

  /** The client's messages in work have failed; those that it had not begun did not. */
  #failHeld(error: MsgvanError): void {
    for (const message of this.takeInWork()) this.#membership?.fail(message, error)
  }

  #leaveBroker(cause: 'complete' | 'death' = 'complete'): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    // The client applies its own rules for the messages that stay: here all stay, until each is dealt with.
    this.#membership?.leave(cause)
  }

  #releaseAll(): void {
    this.#watch?.end()
    for (const message of this.takeAll()) this.#membership?.release(message)
  }

  #end(error: MsgvanError | undefined): void {
    this.#hasEnded = true
    this.#watch?.end()
    this.clearOpen()
    this.#owner.ended(this.subscription, error)
  }

  #apply(verdict: Verdict): void {
    const { number } = verdict
    if (number < 1 || number > this.lastNumber) throw broken('settles a delivery that never was')
    const message = this.closeDelivery(number)
    if (message !== undefined) settleAs(this.#membership, message, verdict)
  }

  /** Resolves when messages that failed with a delay of 0 are delivered again; undefined: in the next microtask. */
  caughtUp(): Promise<void> | undefined {
    return this.#membership?.caughtUp?.()
  }
}
