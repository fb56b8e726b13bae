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

/** A host knows an actor by this symbol, whichever copy of this package its module uses. */
export const ACTOR = Symbol.for('msgvan.actor')

/**
 * The reason for a child's end: `'stopped'` by a call; `'crashed'` too often in a row; `'unfit'`: its host lost one of
 * its requirements.
 */
export type ExitReason = 'stopped' | 'crashed' | 'unfit'

export interface ChildExit {
  readonly child: ActorAddress
  readonly reason: ExitReason
  /** For people: the error of its crash. */
  readonly detail: string
}

/** An actor's tools. */
export interface ActorContext {
  /** The actor itself. With several instances it stands for all of them. */
  readonly self: ActorRef
  /** 1 for the first instance. */
  readonly instance: number
  /** The value given to `actors.create`. */
  readonly args: unknown
  /** A bus in the actor's own van, closed when it stops. */
  readonly bus: Bus
  /**
   * Its mailbox, for an actor without `receive`: settled like a `topic()` (when `next()` returns, or by `handle`).
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
   * With `messages$`: sends the values of the given answer to the asker, and passes them through. With `receive`,
   * msgvan sends the returned value as the answer.
   *
   * @example
   * context.messages$.pipe(handle(message => context.answer(message, compute(message.payload)))).subscribe()
   */
  readonly answer: <A>(message: Message, answer: ObservableInput<A> | A) => Observable<A>
  /** Creates a child: it is stopped with this actor, which learns of its end. */
  readonly create: (actor: ModuleRef, options?: ActorOptions) => Promise<ActorRef>
  /**
   * Sends that payload to the actor itself after `ms` milliseconds, any number of them. Unsubscribing, stopping and
   * crashing cancel it.
   */
  readonly after: (ms: number, payload?: unknown) => Subscription
  /** Stops this actor when it is done with the message in hand. Returns at once. */
  readonly stop: () => void
}

/**
 * An object with a mailbox: it gets one message after another, and only the actor itself touches its state. A host
 * makes it, runs it in a worker, and makes it anew when it crashes.
 *
 * @typeParam P the type of its payloads
 * @example
 * export class Writer extends Actor {
 *   static requires = { writer: true }
 *   constructor({ file }) { super(); this.file = file }
 *   async receive({ payload }) { await appendFile(this.file, `${payload}\n`) }
 * }
 */
export abstract class Actor<P = unknown> {
  static readonly [ACTOR] = true
  /**
   * The requirements for its host. A function is called in the host that loads the class, with that host's
   * capabilities.
   */
  static requires?: Requirements

  /** Called before the first message, and awaited. If it throws, `actors.create` fails. */
  setup?(context: ActorContext): unknown
  /**
   * Handles one message. The returned value is the answer to the asker: a value, a promise of one, or an Observable or
   * async iterable of many; the message is done when that is. If it throws, the message is tried again, then goes back
   * to the asker, or to the dead letters.
   */
  abstract receive(message: Message<P>, context: ActorContext): unknown
  /** A child of this actor has ended. */
  childExited?(exit: ChildExit, context: ActorContext): unknown
  /** Called after the last message, and awaited. Not after a crash. */
  teardown?(context: ActorContext): unknown
}

/** An actor's methods, as `setup` of a definition may return them. */
export interface ActorBehaviour {
  receive?(message: Message, context: ActorContext): unknown
  childExited?(exit: ChildExit, context: ActorContext): unknown
  teardown?(context: ActorContext): unknown
}

export interface ActorDefinition {
  /** The requirements for its host. */
  readonly requires?: Requirements
  /**
   * Called for each instance, and anew after a crash; awaited. It either subscribes to `context.messages$`, or returns
   * an object with `receive` and the other methods of an Actor.
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
  // A program without types might give anything.
  if (typeof (definition as Partial<ActorDefinition> | undefined)?.setup !== 'function')
    throw new InvalidOptionError(
      'defineActor() takes a definition with a function `setup`: defineActor({ setup(context) { … } }).',
    )
  return { ...definition, [ACTOR]: true }
}
