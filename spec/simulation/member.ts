import { ignoreElements, Observable, repeat, retry, Subscription, take, tap } from 'rxjs'
import { ClosedError, handle, type Message, type Messages } from '../../src/index.js'
import type { Delivery, Holder, SubscriptionAccount } from './account.js'
import type { Books } from './books.js'
import { goodManner, type Manner } from './manner.js'
import { combined, created } from './pipelines.js'
import type { Place } from './place.js'
import type { Random } from './random.js'
import type { SimClient } from './sim-client.js'
import type { Trace } from './trace.js'
import type { VirtualProcess } from './virtual-process.js'

/** From so many messages on consumers publish none of their own. */
const MOST_ANSWERED = 400

/** What the consumers of one pipeline share. */
interface Shared {
  subscription: Subscription | undefined
  /** Of the message that goes through it now. */
  delivery: Delivery | undefined
}

/** One consumer of one subscription, in one client's process. */
export class Member implements Holder {
  hasLeft = false
  /** Its host has said so, once at least. */
  isInForce = false
  readonly #open = new Map<Delivery, Message>()
  #shared: Shared = { subscription: undefined, delivery: undefined }
  #usual: Manner
  #isResting = false
  /** Those whose topics go into the same pipeline. */
  #partners: readonly Member[] = []

  constructor(
    readonly name: string,
    readonly client: SimClient,
    readonly account: SubscriptionAccount,
    manner: Manner,
    readonly books: Books,
    readonly random: Random,
    readonly trace: Trace,
  ) {
    this.#usual = manner
  }

  get isGone(): boolean {
    return this.client.isGone
  }

  get isOver(): boolean {
    return this.client.isOver
  }

  get epoch(): number {
    return this.client.epoch
  }

  get host(): VirtualProcess | undefined {
    return this.client.host
  }

  get place(): Place {
    return this.client.place
  }

  get lapses(): number {
    const { rules, isNamed, isReplay } = this.account
    // A follower whose leader has taken something back tells its clients in the same way.
    const isByWay = (isNamed || isReplay) && !this.place.isLeader
    return (rules.ackTimeout > 0 || isByWay ? this.client.lapses : 0) + (isByWay ? this.place.lapses : 0)
  }

  get #manner(): Manner {
    return this.#isResting ? { ...goodManner, style: this.#usual.style } : this.#usual
  }

  get #isExtended(): boolean {
    return this.#manner.style === 'handle'
  }

  /** @param partners whose topics go into its pipeline, too */
  join(partners: readonly Member[] = []): void {
    for (const partner of partners) {
      partner.#partners = [this, ...partners].filter(each => each !== partner)
      partner.#shared = this.#shared
    }
    this.#partners = partners
    if (this.#manner.style === 'loop') return void this.#loops()
    const [source, ...others] = [this.#source(), ...partners.map(partner => partner.#source())]
    this.#shared.subscription = this.#pipeline(source, others).subscribe({
      next: message => this.#next(message),
      complete: () => this.#ended(),
      error: (error: unknown) => {
        this.books.violated(`${this.name} ended with ${String(error)}`)
        this.#ended()
      },
    })
    // Left inside the first `next`, before there was anything to unsubscribe.
    if (this.hasLeft) this.#shared.subscription.unsubscribe()
  }

  /** One loop after the other, each until it leaves a message in hand. */
  async #loops(): Promise<void> {
    try {
      while (!this.hasLeft && !this.isGone) await this.#loop()
    } catch (error) {
      // Its bus has closed before it began anew.
      if (!this.isGone || !(error instanceof ClosedError))
        this.books.violated(`${this.name} ended with ${String(error)}`)
    }
    this.#ended()
  }

  async #loop(): Promise<void> {
    const source = this.#source()
    const loop: AsyncIterator<Message, undefined> = source[Symbol.asyncIterator]()
    const hasLeft = (): boolean => this.hasLeft
    this.#shared.subscription = new Subscription(() => void loop.return?.())
    for (;;) {
      const { value: message } = await loop.next()
      if (message === undefined) return
      const delivery = this.#took(message)
      if (delivery === undefined || hasLeft()) return this.#leaveInHand(delivery, loop)
      await this.#takeTime()
      if (hasLeft()) return this.#leaveInHand(delivery, loop)
      // Without a name nothing is left of it after the loop.
      const fails = this.account.isNamed && this.random.chance(this.#manner.failing)
      if (fails) return this.#leaveInHand(delivery, loop)
      this.#asksForNext(delivery, message)
    }
  }

  /** By that the one before is acked, unless it was taken away: an event loop that stood still does all that is due in order. */
  #asksForNext(delivery: Delivery, { signal }: Message): void {
    const isFailed = signal.aborted && delivery.deadline <= this.books.now
    delivery.state = isFailed ? 'failed' : signal.aborted ? 'returned' : 'acked'
    this.trace.count('acks')
  }

  async #takeTime(): Promise<void> {
    const { slowness } = this.#manner
    const after = this.random.between(0, slowness)
    if (after > 0) await new Promise(resolve => setTimeout(resolve, after))
  }

  async #leaveInHand(delivery: Delivery | undefined, loop: AsyncIterator<Message>): Promise<void> {
    this.books.expire(this.account)
    if (delivery?.state === 'open') {
      delivery.state = 'abandoned'
      this.trace.count('abandons')
      this.trace.say(this.name, () => `leaves its loop with #${delivery.publication.number} in hand`)
    }
    await loop.return?.()
  }

  #source(): Messages {
    const { style } = this.#manner
    if (['retry', 'take', 'creation', 'combined', 'loop'].includes(style)) this.account.isRestless = true
    this.trace.count(`style ${style}`)
    if (this.account.rules.match !== undefined) this.trace.count('matching headers')
    const { ordered } = this.account.rules
    if (ordered !== false) this.trace.count(ordered === true ? 'ordered' : 'ordered by key')
    if (this.account.rules.from !== undefined) {
      const what = this.account.isNamed ? 'named from the start' : 'from the start'
      this.trace.count(what)
      if (!this.place.isLeader) this.trace.count(`${what} at a follower`)
    }
    const { pattern, ...rules } = this.account.rules
    const { name, ...others } = rules
    const options = name === undefined ? others : { ...others, name }
    const ack = style === 'manual' ? 'manual' : 'auto'
    return this.client.bus.topic(pattern, { ...options, ack })
  }

  leave(): void {
    if (this.hasLeft) return
    this.trace.say(this.name, () => `unsubscribes from ${this.account.key}`)
    this.trace.count('unsubscribes')
    this.books.expire(this.account)
    this.#shared.subscription?.unsubscribe()
    this.#ended()
    for (const [delivery, message] of [...this.#open]) {
      this.#open.delete(delivery)
      if (delivery.state !== 'open') continue
      delivery.state = 'returned'
      this.books.verdict(this.account, delivery, 'acked', message.ack())
    }
    for (const { account } of [this, ...this.#partners]) this.client.left(account)
  }

  /** For now it acks what comes at once; what it holds it still holds. */
  rest(isResting: boolean): void {
    this.#isResting = isResting
  }

  /** From now on it does as it should, with what it holds too. */
  behave(): void {
    const { style } = this.#manner
    this.#usual = { ...goodManner, style }
    if (style !== 'manual') return
    for (const [delivery, message] of [...this.#open]) this.#settle(delivery, message, 'acked')
  }

  #pipeline(source: Observable<Message>, others: readonly Observable<Message>[]): Observable<Message> {
    switch (this.#manner.style) {
      case 'auto':
      case 'manual':
      case 'loop':
        return source
      case 'retry':
        return this.#retried(source.pipe(tap(message => this.#next(message))))
      case 'creation':
        return this.#retried(created(this.random, this.#seen(source)).pipe(tap(() => this.#answer())))
      case 'combined': {
        const seen = others.map((other, at) => (this.#partners[at] ?? this).#seen(other))
        return this.#retried(
          combined(this.random, this.#seen(source), seen, this.account.isNamed).pipe(
            tap(() => this.#answer()),
          ),
        )
      }
      case 'take':
        return source.pipe(take(3), repeat())
      case 'handle':
        return source.pipe(
          handle(message => this.#work(message), {
            // With less than its prefetch some wait inside for their turn.
            concurrency: this.random.between(1, this.account.rules.prefetch),
          }),
        )
    }
  }

  #retried(pipeline: Observable<unknown>): Observable<never> {
    return pipeline.pipe(retry({ delay: this.random.pick([0, 30]) }), ignoreElements())
  }

  /** What goes into it is acked, unless the end of the pipeline throws while it is in hand. */
  #seen(source: Observable<Message>): Observable<Message> {
    return source.pipe(
      tap(message => {
        const delivery = this.#took(message)
        this.#shared.delivery = delivery
        if (delivery?.state === 'open') delivery.state = 'acked'
      }),
    )
  }

  /** In hand until it returns. */
  #next(message: Message): void {
    const delivery = this.#took(message)
    if (delivery === undefined) return
    if (this.#manner.style === 'manual') {
      this.#decide(delivery, message)
      return
    }
    // After it has left nobody listens to what it throws.
    const fails = !this.hasLeft && this.random.chance(this.#manner.failing)
    // From here on it is settled by what this does next.
    if (delivery.state === 'open') delivery.state = fails ? 'failed' : 'acked'
    this.trace.count(fails ? 'throws' : 'acks')
    if (fails) throw new Error('thrown by a consumer')
  }

  /** The end of a pipeline, behind what it was made of: the message in hand alone fails. */
  #answer(): void {
    const { delivery } = this.#shared
    // What a topic that ends with its bus sets free comes with nothing in hand.
    const isInHand = delivery !== undefined && !this.hasLeft && !this.isGone
    const fails = isInHand && this.random.chance(this.#manner.failing)
    this.trace.count(fails ? 'throws' : 'acks')
    if (!fails) return
    this.trace.say(
      this.name,
      () => `THROWS with #${delivery.publication.number} of ${delivery.account.key} in hand`,
    )
    if (delivery.state === 'acked') delivery.state = 'failed'
    throw new Error('thrown behind a creation function')
  }

  /** What every style does first. @returns undefined when nothing of it counts: its process is dead */
  #took(message: Message): Delivery | undefined {
    if (this.client.process.isDead) return undefined
    const delivery = this.books.delivered(this.account, this, message, this.#isExtended)
    if (delivery === undefined) return undefined
    const { publishing, leaving, dying } = this.#manner
    if (this.random.chance(dying)) {
      this.client.die()
      return undefined
    }
    // Consumers that answer each other would never come to an end.
    const mayPublish = this.books.publications.length < MOST_ANSWERED
    if (mayPublish && this.random.chance(publishing)) this.client.publishSome(1)
    // The message in hand stays with it.
    if (this.random.chance(leaving)) this.leave()
    return delivery
  }

  #decide(delivery: Delivery, message: Message): void {
    this.#open.set(delivery, message)
    const { failing, rejecting, holding, slowness } = this.#manner
    if (this.random.chance(holding)) {
      this.trace.count('holds')
      return
    }
    const verb = this.random.chance(failing) ? 'failed' : this.random.chance(rejecting) ? 'rejected' : 'acked'
    const after = this.random.between(0, slowness)
    if (after === 0) this.#settle(delivery, message, verb)
    else setTimeout(() => this.#settle(delivery, message, verb), after)
  }

  #settle(delivery: Delivery, message: Message, verb: 'acked' | 'failed' | 'rejected'): void {
    if (!this.#open.delete(delivery)) return
    this.trace.count({ acked: 'acks', failed: 'nacks', rejected: 'rejects' }[verb])
    const delay = this.random.pick([undefined, 0, 40])
    const counted =
      verb === 'acked'
        ? message.ack()
        : verb === 'rejected'
          ? message.reject('rejected by a consumer')
          : message.nack(delay === undefined ? {} : { delay })
    this.books.verdict(this.account, delivery, verb, counted)
  }

  #work(message: Message): Observable<never> {
    return new Observable<never>(subscriber => {
      const delivery = this.#took(message)
      if (delivery === undefined) return
      // Unsubscribing cancels the work, and gives its message back.
      if (this.hasLeft) {
        delivery.state = 'returned'
        return
      }
      const fails = this.random.chance(this.#manner.failing)
      const after = this.random.between(0, this.#manner.slowness)
      const end = (): void => {
        if (delivery.state === 'open') delivery.state = fails ? 'failed' : 'acked'
        this.trace.count(fails ? 'failed work' : 'acks')
        if (fails) subscriber.error(new Error('work that failed'))
        else subscriber.complete()
      }
      if (after === 0) end()
      else {
        const timer = setTimeout(end, after)
        subscriber.add(() => {
          clearTimeout(timer)
          if (delivery.state === 'open') delivery.state = 'returned'
        })
      }
    })
  }

  #ended(): void {
    for (const each of [this, ...this.#partners]) each.hasLeft = true
  }
}
