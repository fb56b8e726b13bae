import type { Observable, ObservableInput, Subscription } from 'rxjs'
import { InvalidOptionError } from '../../errors.js'
import type { ActorAddress, ActorRef, AskOptions } from '../../bus/contract/actor-ref.js'
import type { ActorOptions } from '../../bus/contract/actors.js'
import type { Bus } from '../../bus/contract/bus.js'
import type { ModuleRef } from '../../bus/contract/module-ref.js'
import type { Log } from '../../log/log.js'
import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import type { Requirements } from './requirements.js'

/** By which a host knows an actor, whichever copy of this package its module uses. */
export const ACTOR = Symbol.for('msgvan.actor')

/** Why a child is no more: `'stopped'` by somebody's call; `'crashed'` too often in a row; `'unfit'`: its host lost what it requires. */
export type ExitReason = 'stopped' | 'crashed' | 'unfit'

export interface ChildExit {
  readonly child: ActorAddress
  readonly reason: ExitReason
  /** For people: what it crashed of. */
  readonly detail: string
}

/** What an actor has to work with. */
export interface ActorContext {
  /** The actor itself. With several instances it stands for all of them. */
  readonly self: ActorRef
  /** 1 for the first instance. */
  readonly instance: number
  /** As given to `actors.create`. */
  readonly args: unknown
  /** A bus in the actor's own van, closed when it stops. */
  readonly bus: Bus
  /**
   * Its mailbox, for an actor without `receive`: settled as `topic()` does it (when `next()` returns, or by `handle`).
   * Subscribe to it once, in `setup`.
   */
  readonly messages$: Observable<Message>
  /** Its children's ends, for an actor without `childExited`. */
  readonly childExits$: Observable<ChildExit>
  /** To the host's log, and to `msgvan logs`, under the actor's name. */
  readonly log: Log
  readonly tell: (
    actor: ActorAddress | string,
    payload?: unknown,
    options?: { headers?: Headers },
  ) => Promise<void>
  readonly ask: <A = unknown>(
    actor: ActorAddress | string,
    payload?: unknown,
    options?: AskOptions,
  ) => Observable<A>
  /**
   * With `messages$`: sends on what the given answer emits to whoever asked, and passes it through. What `receive` returns
   * is answered by itself.
   *
   * @example
   * context.messages$.pipe(handle(message => context.answer(message, compute(message.payload)))).subscribe()
   */
  readonly answer: <A>(message: Message, answer: ObservableInput<A> | A) => Observable<A>
  /** Creates a child: it is stopped with this actor, which is told when it ends. */
  readonly create: (actor: ModuleRef, options?: ActorOptions) => Promise<ActorRef>
  /**
   * Tells itself that payload after so many milliseconds, any number of them. Unsubscribing calls it off; stopping and
   * crashing do so too.
   */
  readonly after: (ms: number, payload?: unknown) => Subscription
  /** Stops this actor when it is done with the message in hand. Returns at once. */
  readonly stop: () => void
}

/**
 * An object with a mailbox: it gets one message after another, and nobody but itself touches its state. A host makes it, runs it
 * in a worker, and makes it anew when it crashes.
 *
 * @typeParam P what its messages hold
 * @example
 * export class Writer extends Actor {
 *   static requires = { writer: true }
 *   constructor({ file }) { super(); this.file = file }
 *   async receive({ payload }) { await appendFile(this.file, `${payload}\n`) }
 * }
 */
export abstract class Actor<P = unknown> {
  static readonly [ACTOR] = true
  /** What its host must offer. A function is called in the host that loads the class, with that host's capabilities. */
  static requires?: Requirements

  /** Before the first message; awaited. What it throws fails `actors.create`. */
  setup?(context: ActorContext): unknown
  /**
   * One message. What it returns is the answer to whoever asked: a value, a promise of one, or an Observable or async
   * iterable of many; the message is done when that is. If it throws, the message is tried again, then goes back to who asked, or to the dead letters.
   */
  abstract receive(message: Message<P>, context: ActorContext): unknown
  /** A child of this actor is no more. */
  childExited?(exit: ChildExit, context: ActorContext): unknown
  /** After the last message; awaited. Not after a crash. */
  teardown?(context: ActorContext): unknown
}

/** An actor's methods, as `setup` of a definition may return them. */
export interface ActorBehaviour {
  receive?(message: Message, context: ActorContext): unknown
  childExited?(exit: ChildExit, context: ActorContext): unknown
  teardown?(context: ActorContext): unknown
}

export interface ActorDefinition {
  /** What its host must offer. */
  readonly requires?: Requirements
  /**
   * Called for each instance, and anew after a crash; awaited. It either subscribes to `context.messages$`, or returns an
   * object with `receive` and whatever else an Actor has.
   */
  setup(context: ActorContext): ActorBehaviour | undefined | void | Promise<ActorBehaviour | undefined | void>
}

export interface DefinedActor extends ActorDefinition {
  readonly [ACTOR]: true
}

/**
 * An actor without a class.
 *
 * @throws InvalidOptionError
 * @example
 * export const counter = defineActor({
 *   setup({ messages$ }) {
 *     messages$.pipe(scan(count => count + 1, 0)).subscribe(count => console.log(count))
 *   },
 * })
 */
export function defineActor(definition: ActorDefinition): DefinedActor {
  // As a program without types might give it.
  if (typeof (definition as Partial<ActorDefinition> | undefined)?.setup !== 'function')
    throw new InvalidOptionError(
      'defineActor() takes a definition with a function `setup`: defineActor({ setup(context) { … } }).',
    )
  return { ...definition, [ACTOR]: true }
}
