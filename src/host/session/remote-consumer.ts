import type { Consumer, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { AckTimeoutError, ConsumerDiedError, type MsgvanError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import type { Leave } from '../../wire/frames/control-frames.js'
import { broken } from '../../wire/protocol.js'
import type { KeptVerdict } from '../../wire/frames/kept-verdicts.js'
import type { Settlement, Verdict } from '../../wire/frames/settle-frame.js'
import type { HostBooks, Watched } from '../process/liveness.js'
import { keyOfName } from './settled-before.js'
import { SilenceWatch, type Hearing, type SilentConsumer } from './silence.js'

export interface RemoteConsumerOwner {
  /** Sends one delivery, with those around it. */
  deliver(subscription: number, number: number, message: Message): void
  /** The subscription ended at the host's side. */
  ended(subscription: number, error: MsgvanError | undefined): void
  /** Deliveries up to this one are no longer the client's. */
  lapsed(subscription: number, through: number): void
  /** The client's name is this one of those that had it one after another. */
  named(subscription: number, incarnation: string): void
  /** It has other rules than the client asked for. */
  ruled(subscription: number, rules: SubscriptionRequest): void
  /** The client is cut off. */
  isAway(): boolean
  /** What is heard of the client. */
  readonly hearing: Hearing
  /** What a consumer of this subscription said of the message before this host, or its session, began. */
  settled(key: string, message: Message): KeptVerdict | undefined
  /** So much waits for the client that it gets nothing more for now. */
  readonly isBusy: boolean
  /** It may still have again what it failed. */
  takesBack(): boolean
}

/** What is said of one delivery. */
type Said = Pick<KeptVerdict, 'error' | 'delay' | 'attempts'> & Pick<Verdict, 'verdict'>

export interface RemoteConsumerState {
  /** The number of the last delivery. */
  readonly last: number
  /** The last one that the client said that it works on. */
  readonly handed: number
  readonly hasLeft: boolean
  readonly ackTimeout: number
}

/** Never written to: of very many subscriptions few have an open delivery. */
const none: (Message | undefined)[] = []

/** When so many more numbers are kept than are open, the few open ones are kept apart. */
const SPARSE = 8_192

/** One client's place in one subscription: numbers its deliveries, and settles them as the client says. */
export class RemoteConsumer implements Consumer, SilentConsumer, Watched {
  readonly #owner: RemoteConsumerOwner
  /** Under which verdicts from before are looked for. */
  key: string | undefined
  name: string | undefined
  #membership: Membership | undefined
  /** Open deliveries from number `#base` on; undefined once settled. */
  #open = none
  #base = 1
  /** Open ones from before `#base`: a few that stay open while thousands pass. */
  #stragglers: Map<number, Message> | undefined
  #openCount = 0
  #handed = 0
  #hasLeft = false
  #hasEnded = false
  #watch: SilenceWatch | undefined
  #isSilent = false
  /** Its client runs in the host that it is a client of. */
  endsWithHost = false
  /** The client is a host, and whoever consumes by way of it is cut off. */
  isBeyondAway = false

  constructor(
    readonly subscription: number,
    owner: RemoteConsumerOwner,
  ) {
    this.#owner = owner
  }

  set membership(membership: Membership) {
    this.#membership = membership
  }

  get joined(): Membership | undefined {
    return this.#membership
  }

  /** Where it stands, for another process to go on with. */
  get state(): RemoteConsumerState {
    return {
      last: this.#lastNumber,
      handed: this.#handed,
      hasLeft: this.#hasLeft,
      ackTimeout: this.#watch?.ackTimeout ?? 0,
    }
  }

  /** Open deliveries, by their numbers. */
  get open(): readonly [number, Message][] {
    return this.#opened()
  }

  /** Before anything is delivered: goes on where that of another process was. */
  restore({ last, handed }: RemoteConsumerState): void {
    this.#base = last + 1
    this.#handed = handed
  }

  /** The client holds this delivery, in its membership's books. */
  restoreOpen(number: number, message: Message): void {
    this.#stragglers ??= new Map()
    this.#stragglers.set(number, message)
    if (this.#openCount++ === 0) this.#watch?.begin()
  }

  /** Its consumer has left, and settles what it holds. */
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

  /** A client that falls silent for `ackTimeout`, in milliseconds, has failed what it works on. */
  expectSettledIn(ackTimeout: number): void {
    this.#watch?.end()
    this.#watch = ackTimeout > 0 ? new SilenceWatch(this.#owner.hearing, ackTimeout, this) : undefined
    if (this.holds) this.#watch?.begin()
  }

  /** Changes with all that happens here; undefined while it holds nothing and is owed nothing. */
  get progress(): string | undefined {
    if (this.#openCount === 0 && !this.#isOwed) return undefined
    return `${this.#lastNumber} ${this.#openCount} ${this.#handed}`
  }

  get books(): HostBooks {
    return {
      waiting: this.#membership?.ready ?? 0,
      inFlight: this.#openCount,
      hasCredit: this.#membership?.hasCredit === true,
      isHere: this.#membership?.ready !== undefined,
    }
  }

  get #isOwed(): boolean {
    return !this.#hasLeft && this.#membership?.hasCredit === true && (this.#membership.ready ?? 0) > 0
  }

  get isAway(): boolean {
    return this.isBeyondAway || this.#owner.isAway()
  }

  /** To the host that has the subscription, if that is another one. */
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

  get holds(): boolean {
    return this.#openCount > 0
  }

  fellSilent(): void {
    const through = this.#lastNumber
    // First, so that nothing of what goes back comes here again.
    this.#isSilent = true
    this.#membership?.pause()
    this.#failHeld(
      new AckTimeoutError('Not settled within ackTimeout: nothing is heard of the process that holds it.'),
    )
    this.#releaseAll()
    this.#owner.lapsed(this.subscription, through)
  }

  heardAgain(): void {
    this.#isSilent = false
    this.#membership?.wake()
  }

  /** Gone, and nothing of it is left to settle. */
  get isDone(): boolean {
    return this.#hasEnded || (this.#hasLeft && this.#openCount === 0)
  }

  next(message: Message): void {
    const verdict = this.key === undefined ? undefined : this.#owner.settled(this.key, message)
    if (verdict !== undefined) return this.#settleAs(message, verdict)
    if (this.#open === none) this.#open = [message]
    else this.#open.push(message)
    if (this.#openCount++ === 0) this.#watch?.begin()
    if (this.#open.length > SPARSE + 2 * this.#openCount) this.#compact()
    this.#owner.deliver(this.subscription, this.#lastNumber, message)
  }

  /** The host that keeps the subscription gives it to others: what waits at the client must not begin. */
  lapsed(): void {
    if (this.#openCount === 0) return
    for (const [number] of this.#opened()) this.#close(number)
    this.#watch?.end()
    this.#owner.lapsed(this.subscription, this.#lastNumber)
  }

  error(error: MsgvanError): void {
    this.#end(error)
  }

  complete(): void {
    this.#end(undefined)
  }

  /** @throws ProtocolError for deliveries that never were */
  settle({ through, handed, verdicts }: Settlement): void {
    if (through > this.#lastNumber || handed > this.#lastNumber)
      throw broken('settles a delivery that never was')
    const begun = handed > this.#handed ? this.#at(handed) : undefined
    this.#handed = handed
    if (begun !== undefined) this.#membership?.begin(begun)
    for (const verdict of verdicts) this.#apply(verdict)
    this.#ackThrough(through)
  }

  /** @throws ProtocolError */
  leave({ handed, kept }: Leave): void {
    if (handed > this.#lastNumber) throw broken('was handed a delivery that never was')
    if (this.#hasLeft) return
    // First, so that nothing of what goes back comes here again.
    this.#leaveBroker()
    const keep = new Set(kept)
    for (const [number, message] of this.#opened()) {
      if (keep.has(number)) continue
      this.#close(number)
      this.#membership?.release(message, number > handed)
    }
  }

  /** The client said goodbye, or its session was taken over: what it held goes back. */
  goAway(): void {
    this.#leaveBroker()
    this.#releaseAll()
  }

  /** The host between died. Its client may live and come back: what it held goes back, and has not failed. */
  lose(): void {
    this.#leaveBroker('death')
    this.#releaseAll()
  }

  /** The client died. */
  die(): void {
    this.#leaveBroker('death')
    this.#failHeld(new ConsumerDiedError('The process that held the message died.'))
    this.#releaseAll()
  }

  /** What the client was working on has failed; what it had not begun did not. With automatic settlement it worked on the oldest. */
  #failHeld(error: MsgvanError): void {
    const open = this.#opened()
    const held = open.filter(([number]) => number <= this.#handed)
    for (const [number, message] of held.length > 0 ? held : open.slice(0, 1)) {
      this.#close(number)
      this.#membership?.fail(message, error)
    }
  }

  #leaveBroker(cause: 'complete' | 'death' = 'complete'): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    // Its own rules for what stays are the client's to apply: here all stays, until each is dealt with.
    this.#membership?.leave(cause)
  }

  #releaseAll(): void {
    this.#watch?.end()
    for (const [number, message] of this.#opened()) {
      this.#close(number)
      this.#membership?.release(message)
    }
  }

  get #lastNumber(): number {
    return this.#base + this.#open.length - 1
  }

  #end(error: MsgvanError | undefined): void {
    this.#hasEnded = true
    this.#watch?.end()
    this.#open = none
    this.#stragglers = undefined
    this.#owner.ended(this.subscription, error)
  }

  #apply(verdict: Verdict): void {
    const { number } = verdict
    if (number < 1 || number > this.#lastNumber) throw broken('settles a delivery that never was')
    const message = this.#close(number)
    if (message !== undefined) this.#settleAs(message, verdict)
  }

  #settleAs(message: Message, verdict: Said): void {
    const membership = this.#membership
    if (membership === undefined) return
    switch (verdict.verdict) {
      case 'ack':
        membership.ack(message)
        return
      case 'release':
      case 'untouched':
        membership.release(message, verdict.verdict === 'untouched')
        return
      case 'reject':
        // The text itself: it was made of the error by the client.
        membership.reject(message, verdict.error)
        return
      case 'fail': {
        const { delay, attempts } = verdict
        const retry = {
          ...(delay === undefined ? {} : { delay }),
          ...(attempts === undefined ? {} : { attempts }),
        }
        membership.fail(message, verdict.error, retry)
      }
    }
  }

  #ackThrough(through: number): void {
    for (const [number, message] of this.#stragglers ?? []) {
      if (number > through) break
      this.#stragglers?.delete(number)
      this.#openCount--
      this.#membership?.ack(message)
    }
    if (through < this.#base) return
    const settled = this.#open.splice(0, through - this.#base + 1)
    this.#base = through + 1
    for (const message of settled) {
      if (message === undefined) continue
      this.#openCount--
      this.#membership?.ack(message)
    }
  }

  /** Resolves when what failed with a delay of 0 has been delivered again; undefined: in the next microtask. */
  caughtUp(): Promise<void> | undefined {
    return this.#membership?.caughtUp?.()
  }

  #at(number: number): Message | undefined {
    return number < this.#base ? this.#stragglers?.get(number) : this.#open[number - this.#base]
  }

  /** Takes an open delivery out of the books. */
  #close(number: number): Message | undefined {
    if (number < this.#base) {
      const message = this.#stragglers?.get(number)
      if (this.#stragglers?.delete(number) === true) this.#openCount--
      return message
    }
    const message = this.#open[number - this.#base]
    if (message === undefined) return undefined
    this.#open[number - this.#base] = undefined
    this.#openCount--
    return message
  }

  #opened(): [number, Message][] {
    const open: [number, Message][] = [...(this.#stragglers ?? [])]
    this.#open.forEach((message, i) => {
      if (message !== undefined) open.push([this.#base + i, message])
    })
    return open
  }

  #compact(): void {
    const stragglers = (this.#stragglers ??= new Map<number, Message>())
    for (const [number, message] of this.#opened()) if (number >= this.#base) stragglers.set(number, message)
    // The one that is being delivered right now keeps its place.
    const last = this.#lastNumber
    stragglers.delete(last)
    this.#open = this.#open.slice(-1)
    this.#base = last
  }
}
