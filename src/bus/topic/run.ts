import type { Subscriber } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import { messageInHand } from '../../message/in-hand.js'
import { Message, type Settler } from '../../message/message.js'
import { chainOf, guardEnd, isStopped } from '../../operators/rxjs-internals.js'
import { Attachment, type RootChain } from './attachment.js'
import type { Broker, Consumer, Membership } from '../contract/broker.js'
import type { SubscriptionRequest } from '../contract/subscription-request.js'
import { Deferral } from './deferral.js'
import { RetryMemory } from './retry-memory.js'
import { PassingStack, type Passing } from './passing.js'
import type { TopicSource } from './topic-source.js'

/** How often a pipeline may come back, within one call, to what has ended. */
const MOST_ENDS = 20

/** By each subscriber that is watched. */
const runs = new WeakMap<Subscriber<unknown>, Run>()

type Chain = readonly Subscriber<unknown>[]

type Attached = Attachment<Run>
type Fits = (attachment: Attached) => boolean

/** By which pipeline a message came: of several that had its subscription one after another, the last. */
const attachments = new WeakMap<Settler, Attached>()
const stack = new PassingStack<Run>()
/** What is between a topic and a Subject (`share()`), for all pipelines behind that together. */
const multicasts = new WeakMap<TopicSource, Run>()

/**
 * One pipeline, from all topics that stand at its roots to its end, with all the resubscriptions that `retry` and `repeat` make inside it.
 *
 * Errors and completions that travel down it pass through here before they go on, so that the teardown they cause is told
 * apart from an unsubscribe: an error fails the message in hand, and in both cases an unnamed subscription is kept for the
 * resubscription that may follow, with the rest of what it is owed.
 *
 * It is known by the last subscriber of the chain that RxJS makes, which lives as long as the pipeline. Where a Subject stands
 * in between (`share()`), the chain ends at it; then all that is before it is a Run of the topic's own (`multicasts`), and
 * what is behind it belongs together with that as far as `lift` leads.
 */
export class Run {
  /** The end of the pipeline; undefined before a Subject. */
  readonly #last: Subscriber<unknown> | undefined
  #first: TopicSource | undefined
  #others: WeakSet<TopicSource> | undefined
  #attached: Attached[] = []
  #keeps: RetryMemory<Attached> | undefined
  /** Before a Subject: pipelines behind it that something passed meanwhile. */
  #beyond: Chain[] | undefined
  #endedNames: Set<string> | undefined
  /** With a name, and subscribed to before. */
  #joined: WeakSet<TopicSource> | undefined
  /** Vans that it was subscribed to. */
  #van: Broker | undefined
  #vans: WeakSet<Broker> | undefined
  #ends = 0
  #depth = 0
  /** Why the van ended a topic of it. */
  #refusal: MsgvanError | undefined
  #deferral: Deferral | undefined

  /** @param isGuarded nobody is at its end but one observer that an app gave to `subscribe()`: no `share()`, no Subject */
  constructor(
    last: Subscriber<unknown> | undefined,
    readonly isGuarded: boolean,
  ) {
    this.#last = last
  }

  /**
   * The pipeline that begins at this subscriber, watched from now on.
   *
   * @param before the one that `lift` leads to
   * @param isGuarded see the constructor
   */
  static from(chain: Chain, source: TopicSource, before: Run | undefined, isGuarded: boolean): Run {
    const known = chain.find(each => runs.has(each))
    const run = known === undefined ? newRun(chain, source, before, isGuarded) : (runs.get(known) as Run)
    run.#watch(chain)
    run.#join(source)
    return run
  }

  /** The one that ends at this subscriber, if any does. */
  static at(last: Subscriber<unknown>): Run | undefined {
    return runs.get(last)
  }

  get #kept(): RetryMemory<Attached> {
    return (this.#keeps ??= new RetryMemory<Attached>())
  }

  #join(source: TopicSource): void {
    if (this.#first === undefined) {
      this.#first = source
      if (this.#last !== undefined && source.autoAck) this.#deferral = new Deferral(source)
    }
    if (this.#first !== source) (this.#others ??= new WeakSet()).add(source)
  }

  #has(source: TopicSource): boolean {
    return this.#first === source || this.#others?.has(source) === true
  }

  /** From now on what passes these subscribers passes through here. */
  #watch(chain: Chain): void {
    for (const subscriber of chain) {
      if (runs.has(subscriber)) return
      runs.set(subscriber, this)
      const error = subscriber.error.bind(subscriber)
      const complete = subscriber.complete.bind(subscriber)
      subscriber.error = (thrown: unknown) => {
        if (!isStopped(subscriber)) this.#fail(subscriber, thrown)
        this.#passOn(subscriber, 'error', () => error(thrown))
      }
      subscriber.complete = () => this.#passOn(subscriber, 'complete', complete)
    }
    const last = chain.at(-1)
    if (last !== undefined)
      guardEnd(
        last,
        error => this.threw(error),
        () => this.#deferral?.reached(),
      )
  }

  attach(
    chain: RootChain,
    source: TopicSource,
    beyond: Run | undefined,
    consumerOf: (attachment: Attached) => Consumer,
  ): void {
    const subscriber = chain[0]
    if (subscriber.closed) return
    const { name } = source.request
    const cameBack = (beyond ?? this).#comesBackTo(source.broker)
    const attachment = new Attachment(this, source, chain, beyond, cameBack)
    if (name !== undefined && this.#endedNames?.has(name) === true) {
      this.#endAgain(attachment)
      return
    }
    const consumer = consumerOf(attachment)
    const kept = this.#takeOver(attachment, beyond)
    const membership = kept ?? source.broker.consume((beyond ?? this).#requestOf(source), consumer)
    attachment.bind(membership)
    attachments.set(membership, attachment)
    this.#attached.push(attachment)
    subscriber.add(attachment)
    kept?.resume(consumer)
  }

  /**
   * The van ended it. The pipeline sees that as a completion. What comes back all the same (`repeat()`) would come back for
   * ever, and ends as a whole.
   */
  end(attachment: Attached): void {
    const { name } = attachment.source.request
    attachment.isOver = true
    if (name !== undefined) (this.#endedNames ??= new Set()).add(name)
    if (attachment.subscriber.closed) return
    if (attachment.cameBack && attachment.membership === undefined) this.#endAgain(attachment)
    else attachment.subscriber.complete()
  }

  /** `concat` has a next one to go on to; but what comes back again and again, or later, is a `repeat()`. */
  #endAgain({ subscriber, beyond }: Attached): void {
    const run = beyond ?? this
    run.#ends += 1
    if (run.#ends > (stack.innermost === undefined ? 1 : MOST_ENDS)) run.#last?.complete()
    subscriber.complete()
  }

  /** What comes back to a name takes the rules that hold by now: they may have been changed for all meanwhile. */
  #requestOf(source: TopicSource): SubscriptionRequest {
    const { request, isNamed } = source
    if (!isNamed) return request
    this.#joined ??= new WeakSet()
    if (this.#joined.has(source)) return { ...request, joins: 'keep' }
    this.#joined.add(source)
    return request
  }

  /** @returns whether it was subscribed to that van before */
  #comesBackTo(van: Broker): boolean {
    if (this.#van === van || this.#vans?.has(van) === true) return true
    if (this.#van === undefined) this.#van = van
    else (this.#vans ??= new WeakSet()).add(van)
    return false
  }

  /** A throw at the end of the pipeline. */
  threw(error: unknown): void {
    const message = messageInHand()
    const attachment = message === undefined ? undefined : attachments.get(Message.settlerOf(message))
    if (message !== undefined && attachment !== undefined && this.#leadsTo(attachment))
      attachment.source.failed(message, error)
    else if (this.#refusal !== undefined && error === this.#refusal) this.#first?.broker.report(this.#refusal)
    else if (message !== undefined || this.#deferral?.failed(error) !== true)
      this.#first?.report(error, undefined)
  }

  /** The van refuses a topic, and says why; an error of that kind is nobody's mistake in the pipeline. */
  refused(error: MsgvanError): void {
    this.#refusal = error
  }

  /** A message was acked because `next` returned. Not before a Subject, where the end is not known. */
  acked(): void {
    this.#deferral?.acked()
  }

  #leadsTo({ run, source }: Attached): boolean {
    return run === this || (run.#isBeforeSubject && this.#has(source))
  }

  get #isBeforeSubject(): boolean {
    return this.#last === undefined
  }

  detach(attachment: Attached): void {
    this.#attached = this.#attached.filter(each => each !== attachment)
    const { membership } = attachment
    if (membership === undefined) return
    const why = this.#whyDown(attachment)
    if (why === undefined || attachment.source.isNamed) {
      attachment.release()
      membership.leave(why?.cause ?? 'unsubscribe')
      return
    }
    membership.suspend(why.cause)
    const chain = why.run === this ? attachment.chain : why.chain
    why.run.#kept.add(attachment, why.cause, chain)
  }

  #whyDown({ chain, source }: Attached): Passing<Run> | undefined {
    for (let each = stack.innermost; each !== undefined; each = each.outer) {
      if (chain.includes(each.chain[0] as Subscriber<unknown>)) return each
      // The last of those behind a Subject lets go of it.
      if (this.#isBeforeSubject && each.run !== this && each.run.#has(source)) return each
    }
    return undefined
  }

  /** What broke off, if this is who comes back for it: the very same topic sooner than one that asks for the same. */
  #takeOver(attachment: Attached, beyond: Run | undefined): Membership | undefined {
    const { source } = attachment
    if (source.isNamed) return undefined
    return (
      this.#takeBrokenOff(attachment, each => each.source === source, beyond) ??
      this.#takeBrokenOff(attachment, each => each.isAlike(source), beyond)
    )
  }

  #takeBrokenOff(attachment: Attached, fits: Fits, beyond: Run | undefined): Membership | undefined {
    const own = this.#keeps?.take(fits) ?? this.#takeStopped(fits)
    if (own !== undefined) return own
    const behind = beyond === undefined ? undefined : beyond.#keeps?.take(fits)
    if (behind !== undefined) return behind
    // Who subscribes anew while an error is told at the end of another pipeline, as what is made by hand does.
    for (let each = stack.innermost; each !== undefined; each = each.outer) {
      if (each.cause !== 'error' || each.run === this) continue
      const other = each.run.#keeps?.take(fits, true) ?? each.run.#takeStopped(fits)
      if (other === undefined) continue
      attachment.from = each.run
      return other
    }
    return undefined
  }

  /** It broke off again while the error is still told that made it begin: `retry` comes back once more. */
  #giveBack(attachment: Attached, chain: Chain): boolean {
    const { from } = attachment
    if (from === undefined || !stack.has(from)) return false
    from.#kept.add(attachment, 'error', chain)
    return true
  }

  /** `retryWhen`, and what connects a Subject anew, come back before what broke off is torn down. */
  #takeStopped(fits: Fits): Membership | undefined {
    if (stack.innermost === undefined) return undefined
    const stopped = this.#attached.find(each => fits(each) && each.chain.some(isStopped))
    const why = stopped === undefined ? undefined : this.#whyDown(stopped)
    if (stopped === undefined || why === undefined) return undefined
    const membership = stopped.release()
    membership?.suspend(why.cause)
    return membership
  }

  #passOn(subscriber: Subscriber<unknown>, cause: Passing<Run>['cause'], on: () => void): void {
    // Before anything is closed: then nobody knows any more what comes next.
    const chain = chainOf(subscriber)
    this.#depth += 1
    try {
      stack.pass(this, cause, chain, on)
    } finally {
      this.#depth -= 1
      const before = stack.innermost?.run
      if (before !== undefined && before !== this && before.#isBeforeSubject) {
        before.#beyond ??= []
        before.#beyond.push(chain)
      }
      if (this.#depth === 0) {
        this.#keeps?.settle(this.#beyond ?? [], (attachment, chain) => this.#giveBack(attachment, chain))
        this.#beyond = undefined
      }
    }
  }

  #fail(subscriber: Subscriber<unknown>, thrown: unknown): void {
    // What an operator had to say at the end of its source (`toArray`) may fail, too.
    this.#keeps?.failed(subscriber)
    // With nothing in hand the error is late (manual settlement): a single open delivery caused it; of several nobody can tell.
    const message = messageInHand() ?? this.#sole(subscriber)
    const attachment = message === undefined ? undefined : attachments.get(Message.settlerOf(message))
    if (message === undefined && thrown !== this.#refusal && !stack.has(this)) this.#deferral?.failed(thrown)
    if (message === undefined || attachment === undefined) return
    const isBehind =
      attachment.run === this ? attachment.chain.includes(subscriber) : this.#leadsTo(attachment)
    // First in line again at once: whoever resubscribes decides how long to wait.
    if (isBehind) Message.settlerOf(message).fail(message, thrown, { delay: 0 })
  }

  #sole(subscriber: Subscriber<unknown>): Message | undefined {
    const own = this.#attached.filter(({ chain }) => chain.includes(subscriber))
    const multicast = this.#first === undefined ? undefined : multicasts.get(this.#first)
    const all = own.length > 0 || multicast === undefined ? own : multicast.#attached
    return all.length === 1 ? all[0]?.membership?.sole : undefined
  }
}

function newRun(chain: Chain, source: TopicSource, before: Run | undefined, isGuarded: boolean): Run {
  if (before === undefined) return new Run(chain.at(-1), isGuarded)
  const known = multicasts.get(source)
  if (known !== undefined) return known
  const run = new Run(undefined, false)
  multicasts.set(source, run)
  return run
}
