import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'
import { Subscription } from 'rxjs/internal/Subscription'
import { defer } from 'rxjs/internal/observable/defer'
import { EMPTY } from 'rxjs/internal/observable/empty'
import { merge } from 'rxjs/internal/observable/merge'
import { filter } from 'rxjs/internal/operators/filter'
import { finalize } from 'rxjs/internal/operators/finalize'
import { mergeMap } from 'rxjs/internal/operators/mergeMap'
import { takeUntil } from 'rxjs/internal/operators/takeUntil'
import { tap } from 'rxjs/internal/operators/tap'
import { monotonicScheduler } from '../broker/clock/monotonic-scheduler.js'
import { Timers } from '../broker/clock/timers.js'
import { BrokerBus } from '../bus/create-bus.js'
import { keepingRules } from '../bus/contract/options.js'
import type { RemoteBroker } from '../client/remote-broker.js'
import { decodePayload } from '../codec/payload.js'
import { describe, InvalidOptionError } from '../errors.js'
import type { Log } from '../log/log.js'
import { Message } from '../message/message.js'
import { samePattern } from '../message/pattern.js'
import { MAILBOX } from '../message/topic.js'
import { handle } from '../operators/handle.js'
import type { ActorBehaviour, ActorContext, ChildExit } from './definition/actor.js'
import { answersOf } from './definition/answers.js'
import { childExitOf } from './definition/child-exit.js'
import { inForce } from './in-force.js'
import type { ActorTask, Consumed, FromWorker } from './worker-messages.js'

/** An actor's methods: a class's instance, or the result of a definition's `setup`. */
export interface Made extends Omit<ActorBehaviour, 'setup'> {
  setup?(context: ActorContext): unknown
}

/** One instance of an actor in its worker: its context, its messages one after another, its end. */
export class ActorRun {
  readonly #task: ActorTask
  /** The value given to `actors.create`. */
  readonly args: unknown
  readonly #bus: BrokerBus
  readonly #say: (words: FromWorker) => void
  readonly #timers = new Timers(monotonicScheduler)
  readonly #childExits$ = new Subject<ChildExit>()
  readonly #ending$ = new Subject<void>()
  readonly #context: ActorContext
  #behaviour: ActorBehaviour = {}
  #isEnding = false
  #hasWorked = false
  readonly #subscriptions = new Map<string, Consumed>()
  readonly #added$ = new Subject<Consumed>()
  /** By name. */
  readonly #dropped$ = new Subject<string>()
  /** Resolves when its message in hand is done. */
  #inHand: Promise<void> = Promise.resolve()

  constructor(task: ActorTask, broker: RemoteBroker, say: (words: FromWorker) => void) {
    this.#task = task
    this.args = task.encodedArgs && decodePayload(task.encodedArgs)
    this.#bus = new BrokerBus(task.van, broker)
    this.#say = say
    this.#context = this.#newContext()
    for (const consumed of task.subscriptions) this.#subscriptions.set(consumed.name, consumed)
    broker.errors$.subscribe(({ code, message }) => say({ kind: 'error', code, message }))
  }

  /** Sets it up, then takes messages. */
  async begin(made: Made): Promise<void> {
    const given = await made.setup?.(this.#context)
    this.#behaviour = made.receive === undefined ? (given ?? {}) : made
    if (this.#behaviour.receive !== undefined) this.#consume()
    await inForce(this.#bus)
  }

  /** Finishes its message in hand, and gives back the pending ones. */
  async end(): Promise<void> {
    this.#isEnding = true
    this.#timers.clear()
    this.#ending$.next()
    await this.#inHand
    try {
      await this.#behaviour.teardown?.(this.#context)
    } finally {
      this.#childExits$.complete()
      await this.#bus.close()
    }
  }

  /** It gets the messages of these beside those of its mailbox, and of no others. Resolves when that is in force. */
  subscribe(subscriptions: readonly Consumed[]): Promise<void> {
    const wanted = new Map(subscriptions.map(consumed => [consumed.name, consumed]))
    for (const [name, { pattern }] of [...this.#subscriptions]) {
      const there = wanted.get(name)
      if (there !== undefined && samePattern(there.pattern, pattern)) continue
      this.#subscriptions.delete(name)
      this.#dropped$.next(name)
    }
    for (const consumed of subscriptions) {
      if (this.#subscriptions.has(consumed.name)) continue
      this.#subscriptions.set(consumed.name, consumed)
      this.#added$.next(consumed)
    }
    // The host has read by then which topics it left.
    return inForce(this.#bus)
  }

  /**
   * Includes the letters of its host. Ends when the actor does, with open deliveries still to be settled: each topic by
   * itself, because an unsubscribed one gives back the message in hand.
   */
  get #mailbox$(): Observable<Message> {
    const { self, prefetch, attempts } = this.#task
    const topic = MAILBOX + self.id
    const letters$ = this.#bus.topic(topic, keepingRules({ name: topic, prefetch, attempts }))
    const others$ = merge(
      [...this.#subscriptions.values()],
      this.#added$.pipe(takeUntil(this.#ending$)),
    ).pipe(
      mergeMap(({ name, pattern, options }) => {
        const dropped$ = this.#dropped$.pipe(filter(dropped => dropped === name))
        return this.#bus
          .topic(pattern, keepingRules({ ...options, name }))
          .pipe(takeUntil(merge(dropped$, this.#ending$)))
      }),
    )
    return merge(letters$.pipe(takeUntil(this.#ending$)), others$)
  }

  #consume(): void {
    this.#mailbox$.pipe(handle<unknown, unknown>(message => this.#work(message))).subscribe({
      error: (error: unknown) => this.#context.log.error('its mailbox failed', error),
    })
  }

  #work(message: Message): Observable<unknown> {
    if (this.#isEnding) {
      // Its turn is over: the message goes to another instance, or stays.
      Message.settlerOf(message).release(message, true)
      return EMPTY
    }
    let isDone: () => void = () => undefined
    this.#inHand = new Promise(resolve => {
      isDone = resolve
    })
    const answer$ = defer(() => answersOf(this.#receive(message)))
    return this.#bus.requests.answer(message, answer$).pipe(
      tap({ complete: () => this.#worked() }),
      // After the message is settled, so that an end that waits for this finds it done.
      finalize(() => queueMicrotask(isDone)),
    )
  }

  /** Once is enough: a worker that crashes later begins anew. */
  #worked(): void {
    if (this.#hasWorked) return
    this.#hasWorked = true
    this.#say({ kind: 'worked' })
  }

  #receive(message: Message): unknown {
    const exit = childExitOf(message)
    return exit === undefined ? this.#behaviour.receive?.(message, this.#context) : this.#childExited(exit)
  }

  #childExited(exit: ChildExit): unknown {
    this.#childExits$.next(exit)
    return this.#behaviour.childExited?.(exit, this.#context)
  }

  /** For an actor without `receive`: the host's letters come out elsewhere. */
  get #messages$(): Observable<Message> {
    return this.#mailbox$.pipe(
      filter(message => {
        const exit = childExitOf(message)
        if (exit !== undefined) {
          this.#childExited(exit)
          message.ack()
        }
        return exit === undefined
      }),
    )
  }

  #newContext(): ActorContext {
    const { self, instance } = this.#task
    const bus = this.#bus
    const actors = bus.actorsOf(self.id)
    const own = actors.ref(self)
    return {
      self: own,
      instance,
      args: this.args,
      bus: bus,
      messages$: defer(() => this.#messages$),
      childExits$: this.#childExits$.asObservable(),
      log: this.#log(),
      tell: (actor, payload, options) => actors.ref(actor).tell(payload, options),
      ask: <A>(actor: Parameters<ActorContext['ask']>[0], payload?: unknown, options = {}) =>
        actors.ref(actor).ask<A>(payload, options),
      answer: (message, answer) => bus.requests.answer(message, answersOf(answer)),
      create: (actor, options) => actors.create(actor, options),
      after: (ms, payload) => this.#after(ms, () => own.tell(payload)),
      stop: () => this.#report('could not be stopped', own.stop()),
    }
  }

  #after(ms: number, tell: () => Promise<void>): Subscription {
    if (!(ms >= 0)) throw new InvalidOptionError(`after() takes milliseconds, 0 or more; this is ${ms}.`)
    return new Subscription(
      this.#timers.after(ms, () => this.#report('could not send a message to itself', tell())),
    )
  }

  #report(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      // While it ends, its bus closes under its unfinished work.
      if (!this.#isEnding) this.#context.log.error(what, error)
    })
  }

  #log(): Log {
    const writer =
      (level: keyof Log) =>
      (message: string, ...causes: unknown[]): void => {
        const text = causes.length === 0 ? message : `${message}: ${describe(causes[0])}`
        this.#say({ kind: 'log', level, text })
      }
    return {
      error: writer('error'),
      warning: writer('warning'),
      info: writer('info'),
      debug: writer('debug'),
    }
  }
}
