import type { Observable } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { Message, Settler } from '../../message/message.js'
import type { Control } from './control.js'
import type { SubscriptionRequest } from './subscription-request.js'

export type BusState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

/**
 * Where deliveries go. `next` is called once per delivery, never from inside another `next` of the same broker.
 * After `error` or `complete` nothing comes.
 */
export interface Consumer {
  next(message: Message): void
  /** The van refused the subscription (a name taken, a pattern it cannot match). */
  error(error: MsgvanError): void
  /** The van closed. */
  complete(): void
  /** It has no room: it says `pause()` when this becomes true, and gets nothing until it says `wake()`. Default: never. */
  readonly isBusy?: boolean
  /** While it is busy: it gets again all the same what it failed and is due at once, since that is what it waits for. Default: it does not. */
  readonly takesBack?: boolean
  /** Its client is cut off, and may come back. Default: it is not. */
  readonly isAway?: boolean
  /** It ends with the host that it is a client of. Default: it is a process of its own. */
  readonly endsWithHost?: boolean
  /** Its subscription has other rules than it asked for, now or from the beginning on. Default: it need not know. */
  ruled?(rules: SubscriptionRequest): void
  /** Which incarnation of its name it has joined: before the first delivery. Default: it need not know. */
  named?(incarnation: string): void
  /** For one that passes on: all that it was handed and has not settled is somebody else's by now. */
  lapsed?(): void
  /** It hands messages on to another process, and says itself (`begin`) how far that one has begun. Default: it does not. */
  readonly passesOn?: boolean
}

/**
 * Why a consumer's pipeline came down: `'unsubscribe'`: somebody let go; `'complete'`: an operator had enough (`take`);
 * `'error'`: an error travelled down; `'death'`: its process is gone, or given up.
 */
export type LeaveCause = 'unsubscribe' | 'complete' | 'error' | 'death'

/**
 * One consumer's place in a subscription. Verdicts on its deliveries go to the same object.
 *
 * `leave` takes effect at once: not one `next` after it, in the middle of a batch too. What was not handed out goes back
 * untouched. Of what was handed out and not settled, the message in hand (its `next` is running) always stays with this
 * consumer until it is settled; the others stay too after `'complete'` and `'death'`, and go back uncounted after the other
 * causes. An unnamed subscription ends with its consumer; after `'death'`, what it was owed counts as dropped. Leaving twice
 * does nothing.
 *
 * `suspend` and `resume` are for an unnamed subscription whose pipeline broke off and is about to be built anew: it goes on
 * collecting, nothing is handed out in between, and the same messages stay or go back as with `leave`, those that go back first
 * in line. `resume` hands out to the new consumer, never before it has returned.
 */
export interface Membership extends Settler {
  /** The one delivery that was handed out and not settled; undefined when there is none, or more than one. */
  readonly sole: Message | undefined
  leave(cause: LeaveCause): void
  suspend(cause: LeaveCause): void
  resume(consumer: Consumer): void
  /** The consumer is busy, and was not. Not needed inside its own `next`. */
  pause(): void
  /** The consumer's client is cut off, or is back, where the subscription is at another host. Default: `isAway` says so. */
  away?(isAway: boolean): void
  /** The consumer was busy and has room again. */
  wake(): void
  /** Messages that wait for nothing but credit here, where that is known. */
  readonly ready?: number
  readonly hasCredit?: boolean
  /**
   * Resolves when what failed with a delay of 0 has been handed out again, where that is decided elsewhere; undefined when
   * nothing is awaited. A membership without it hands out in the microtask after the failure.
   */
  caughtUp?(): Promise<void> | undefined
}

/**
 * The one small interface through which an app does everything. The embedded bus stands on the real one (broker/); a bus
 * over a host on a remote one (client/) that speaks to the real one in the host.
 *
 * Promised by every kind: per publisher and topic in publish order; at least once; a publish inside a `next` is queued
 * behind the message in hand; a consumer's failure reaches neither publishers nor other consumers.
 * All calls are safe at any time; after `close` they fail with ClosedError. While it drains and a delivery is in hand,
 * `publish` still goes through, and so does a letterbox (`isLetterbox`).
 */
export interface Broker {
  /** Everything but the way of messages: status, hosts, names, handlers, actors, dead letters. */
  readonly control: Control
  /** Replays the current state; completes after 'closed'. */
  readonly state$: Observable<BusState>
  /** What no call could report. Hot. */
  readonly errors$: Observable<MsgvanError>
  /** What cannot be told on `errors$`: what comes after its end, and what its own subscribers throw. For the log. Hot. */
  readonly lateErrors$: Observable<MsgvanError>
  /** It encodes a payload when that is published, and checks it there: a getter in it is called once. */
  readonly checksPayloads: boolean
  /**
   * Resolves when the van has taken the message over. Topic, headers and, unless it `checksPayloads`, the payload were checked. A
   * refusal that nobody looks at ends no process.
   *
   * @param refused told of a refusal, too
   */
  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void>
  /**
   * Registers at once (in force after `ready`). Deliveries never begin before it returns; a refusal comes as `consumer.error`,
   * which may.
   */
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when it is connected, and everything that was asked for so far is in force.
   *
   * @param timeout the longest wait for a connection, in milliseconds. Default: its own
   */
  ready(timeout?: number): Promise<void>
  /** Something no call could report: it goes to `errors$`. @param toLogOnly to `lateErrors$` */
  report(error: MsgvanError, toLogOnly?: boolean): void
  close(options: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** Wait until publishes are taken over and running deliveries are settled. Default true. */
  drain?: boolean
  /** The longest wait, in milliseconds. Default 10,000. */
  timeout?: number
}
