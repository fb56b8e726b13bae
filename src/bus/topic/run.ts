import type { Subscriber } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import { Claim } from '../../message/claim.js'
import { messageInHand } from '../../message/in-hand.js'
import { Message, type Settler } from '../../message/message.js'
import { chainOf, guardEnd, isStopped, type Thrown } from '../../operators/rxjs-internals.js'
import { PipelineSubscription, type RootChain } from './pipeline-subscription.js'
import type { Consumer, Membership } from '../contract/broker.js'
import { Deferral } from './deferral.js'
import { intercept } from './intercept.js'
import { RetryMemory } from './retry-memory.js'
import { PassingStack, type Passing } from './passing.js'
import { RunHistory } from './run-history.js'
import { reclaim, type BrokenOffRun, type Fits } from './reclaim.js'
import type { TopicSource } from './topic-source.js'

/** The number of times that a pipeline may come back to an ended name within one call. */
const MOST_ENDS = 20

/** The run of each watched subscriber. */
const runs = new WeakMap<Subscriber<unknown>, Run>()

type Chain = readonly Subscriber<unknown>[]

type Attached = PipelineSubscription<Run>

/** The pipeline of each membership. If several had it one after another, the last one. */
const subscriptions = new WeakMap<Settler, Attached>()
const stack = new PassingStack<Run>()
/** The run between a topic and a Subject (`share()`). All pipelines behind the Subject share it. */
const multicasts = new WeakMap<TopicSource, Run>()

/**
 * One pipeline, from all its topics to its end, with all resubscriptions that `retry` and `repeat` make inside it.
 *
 * Errors and completions pass through here on their way down. So the run can distinguish the teardown that they cause
 * from an unsubscribe: an error fails the message in hand, and both keep an unnamed subscription, with its owed
 * messages, for the resubscription that may follow.
 *
 * The last subscriber of the chain that RxJS makes identifies the run, because it lives as long as the pipeline. A
 * Subject (`share()`) ends the chain: then the part before the Subject is a run of the topic (`multicasts`), and the
 * part behind it belongs to that run as far as `lift` leads.
 */
export class Run implements BrokenOffRun<Run> {
  readonly #isBeforeSubject: boolean
  /** The end of the pipeline; undefined before a Subject. */
  readonly #last: Subscriber<unknown> | undefined
  readonly #history = new RunHistory()
  #attached: Attached[] = []
  #keeps: RetryMemory<Attached> | undefined
  /** Before a Subject: the pipelines behind it that an error or a completion passed meanwhile. */
  #beyond: Chain[] | undefined
  #ends = 0
  #depth = 0
  /** The error by which the van ended one of its topics. */
  #refusal: MsgvanError | undefined
  #deferral: Deferral | undefined
  /** Before a Subject: a message was acked. */
  #hasAcked = false
  /** An operator left the last topic, as `timeout()` does before its error. */
  #isLeft = false

  /** @param isGuarded its end is the one observer that an app gave to `subscribe()`, and not a `share()` or Subject */
  constructor(
    last: Subscriber<unknown> | undefined,
    readonly isGuarded: boolean,
  ) {
    this.#last = last
    this.#isBeforeSubject = last === undefined
  }

  /**
   * The run of the pipeline that begins at this subscriber. It watches the pipeline from now on.
   * @param before the run to which `lift` leads
   * @param isGuarded see the constructor
   */
  static from(chain: Chain, source: TopicSource, before: Run | undefined, isGuarded: boolean): Run {
    const known = chain.find(each => runs.has(each))
    const run = known === undefined ? newRun(chain, source, before, isGuarded) : (runs.get(known) as Run)
    run.#watch(chain)
    run.#history.add(source)
    if (run.#last !== undefined && source.autoAck) run.#deferral ??= new Deferral(source)
    return run
  }

  /** The run that ends at this subscriber, if there is one. */
  static at(last: Subscriber<unknown>): Run | undefined {
    return runs.get(last)
  }

  get #kept(): RetryMemory<Attached> {
    return (this.#keeps ??= new RetryMemory<Attached>())
  }

  /** Errors and completions of these subscribers pass through here from now on. */
  #watch(chain: Chain): void {
    for (const subscriber of chain) {
      if (runs.has(subscriber)) return
      runs.set(subscriber, this)
      intercept(
        subscriber,
        thrown => this.#fail(subscriber, thrown),
        (cause, on) => this.#passOn(subscriber, cause, on),
      )
    }
    const last = chain.at(-1)
    if (last !== undefined)
      guardEnd(last, {
        threw: (error, thrown) => this.threw(error, thrown),
        returned: (promise, isAtEnd) =>
          this.#history.first?.watch(promise, isAtEnd ? undefined : messageInHand()),
        reached: () => this.#deferral?.reached(),
      })
  }

  attach(
    chain: RootChain,
    source: TopicSource,
    beyond: Run | undefined,
    consumerOf: (subscription: Attached) => Consumer,
  ): void {
    const subscriber = chain[0]
    if (subscriber.closed) return
    const history = (beyond ?? this).#history
    const cameBack = history.comesBackTo(source.broker)
    const subscription = new PipelineSubscription(this, source, chain, beyond, cameBack)
    if (this.#history.hasEnded(source)) return this.#endAgain(subscription)
    const consumer = source.passing(consumerOf(subscription))
    const kept = reclaim(subscription, beyond, stack.innermost)
    const membership = kept ?? source.broker.consume(history.requestOf(source), consumer)
    subscription.bind(membership)
    subscriptions.set(membership, subscription)
    this.#attached.push(subscription)
    this.#isLeft = false
    subscriber.add(subscription)
    subscription.watchSignal()
    kept?.resume(consumer)
  }

  /**
   * The van ended the subscription, which the pipeline sees as a completion. A pipeline that subscribes again
   * (`repeat()`) would do so forever, so it ends as a whole.
   */
  end(subscription: Attached): void {
    const { name } = subscription.source.request
    subscription.isOver = true
    if (name !== undefined) this.#history.endName(name)
    if (subscription.subscriber.closed) return
    if (subscription.cameBack && subscription.membership === undefined) this.#endAgain(subscription)
    else subscription.source.guardTeardown(() => subscription.subscriber.complete())
  }

  /** `concat` goes on to its next source. A pipeline that comes back again and again, or later, has a `repeat()`. */
  #endAgain({ subscriber, beyond, source }: Attached): void {
    const run = beyond ?? this
    run.#ends += 1
    const isForEver = run.#ends > (stack.innermost === undefined ? 1 : MOST_ENDS)
    if (isForEver) source.guardTeardown(() => run.#last?.complete())
    source.guardTeardown(() => subscriber.complete())
  }

  /** A throw at the end of the pipeline. */
  threw(error: unknown, thrown: Thrown): void {
    const message = messageInHand()
    const subscription = message === undefined ? undefined : subscriptions.get(Message.settlerOf(message))
    if (message !== undefined && subscription !== undefined && this.#leadsTo(subscription))
      subscription.source.failed(message, error)
    else if (this.#refusal !== undefined && error === this.#refusal)
      this.#history.first?.broker.report(this.#refusal)
    else if (message !== undefined || !this.#deferred(error, thrown))
      this.#history.first?.report(error, undefined)
  }

  /** The van refuses a topic by this error. It is not a mistake in the pipeline. */
  refused(error: MsgvanError): void {
    this.#refusal = error
  }

  /** `next` returned, so a message was acked. */
  acked(): void {
    // Before a Subject the end is unknown.
    if (this.#isBeforeSubject) this.#hasAcked = true
    else this.#deferral?.acked()
  }

  /** `next` returned, and an operator settles the message. */
  claimed(): void {
    this.#deferral?.claimed()
  }

  /** Something failed with no message in hand. @returns whether it is reported as such */
  #deferred(error: unknown, thrown?: Thrown): boolean {
    const { first } = this.#history
    const root = (first === undefined ? undefined : multicasts.get(first)) ?? this
    if (root.#hasAcked) this.#deferral?.acked()
    return this.#deferral?.failed(error, root.#isLeft, thrown) === true
  }

  #leadsTo({ run, source }: Attached): boolean {
    return run === this || (run.#isBeforeSubject && this.#history.has(source))
  }

  detach(subscription: Attached): void {
    this.#attached = this.#attached.filter(each => each !== subscription)
    const { membership } = subscription
    if (membership === undefined) return
    const why = this.#whyDown(subscription)
    if (why === undefined && this.#attached.length === 0) this.#isLeft = true
    if (why === undefined || subscription.source.isNamed) {
      subscription.release()
      membership.leave(why?.cause ?? 'unsubscribe')
      return
    }
    membership.suspend(why.cause)
    const chain = why.run === this ? subscription.chain : why.chain
    why.run.#kept.add(subscription, why.cause, chain)
  }

  #whyDown({ chain, source }: Attached): Passing<Run> | undefined {
    return stack.find(
      each =>
        chain.includes(each.chain[0] as Subscriber<unknown>) ||
        // The last pipeline behind a Subject disconnects it.
        (this.#isBeforeSubject && each.run !== this && each.run.#history.has(source)),
    )
  }

  /** See `BrokenOffRun`. */
  takeKept(fits: Fits<Run>, onlyNow = false): Membership | undefined {
    return this.#keeps?.take(fits, onlyNow)
  }

  /** It broke off again while its first error still passes: `retry` comes back once more. */
  #giveBack(subscription: Attached, chain: Chain): boolean {
    const { from } = subscription
    if (from === undefined || !stack.has(from)) return false
    from.#kept.add(subscription, 'error', chain)
    return true
  }

  /** `retryWhen`, and operators that reconnect a Subject, come back before the teardown. */
  takeStopped(fits: Fits<Run>): Membership | undefined {
    if (stack.innermost === undefined) return undefined
    const stopped = this.#attached.find(each => fits(each) && each.chain.some(isStopped))
    const why = stopped === undefined ? undefined : this.#whyDown(stopped)
    if (stopped === undefined || why === undefined) return undefined
    const membership = stopped.release()
    membership?.suspend(why.cause)
    return membership
  }

  #passOn(subscriber: Subscriber<unknown>, cause: Passing<Run>['cause'], on: () => void): void {
    // Read it before anything closes: a closed subscriber does not know its destination.
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
        this.#keeps?.settle(this.#beyond ?? [], (subscription, chain) => this.#giveBack(subscription, chain))
        this.#beyond = undefined
      }
    }
  }

  #fail(subscriber: Subscriber<unknown>, thrown: unknown): void {
    // A value that an operator emits at the end of its source (`toArray`) may fail too.
    this.#keeps?.failed(subscriber)
    // With no message in hand the error is late (manual settlement). A single open delivery caused it. With several, the cause is unknown.
    const message = messageInHand() ?? this.#sole(subscriber)
    const subscription = message === undefined ? undefined : subscriptions.get(Message.settlerOf(message))
    if (message === undefined && thrown !== this.#refusal && !stack.has(this)) this.#deferred(thrown)
    if (message === undefined || subscription === undefined) return
    const isBehind =
      subscription.run === this ? subscription.chain.includes(subscriber) : this.#leadsTo(subscription)
    // First in the queue again at once: the resubscriber decides about the delay.
    if (isBehind) Claim.fail(message, thrown, { delay: 0 }, subscription.run === this)
  }

  #sole(subscriber: Subscriber<unknown>): Message | undefined {
    const own = this.#attached.filter(({ chain }) => chain.includes(subscriber))
    const { first } = this.#history
    const multicast = first === undefined ? undefined : multicasts.get(first)
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
