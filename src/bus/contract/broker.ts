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
  /** It has no room. It calls `pause()` when this becomes true, and gets nothing until it calls `wake()`. Default: false. */
  readonly isBusy?: boolean
  /** While it is busy, it still gets again a message that it failed and that is due at once: it waits for that one. Default: false. */
  readonly takesBack?: boolean
  /** Its client is cut off, and may come back. Default: false. */
  readonly isAway?: boolean
  /** It ends when its host ends. Default: false, since it is a process of its own. */
  readonly endsWithHost?: boolean
  /** Called with the rules of its subscription when they differ from its request, at the start or later. Default: ignored. */
  ruled?(rules: SubscriptionRequest): void
  /** Called before the first delivery with the incarnation of the name that it joined. Default: ignored. */
  named?(incarnation: string): void
  /** Called on a consumer that passes messages on: its unsettled messages belong to other consumers now. */
  lapsed?(): void
  /** It passes messages on to another process, and calls `begin` when that process begins one. Default: false. */
  readonly passesOn?: boolean
}

/**
 * Why a consumer's pipeline ended. `'unsubscribe'`: the app unsubscribed. `'complete'`: an operator completed it (`take`).
 * `'error'`: an error passed through it. `'death'`: its process died, or the host gave it up.
 */
export type LeaveCause = 'unsubscribe' | 'complete' | 'error' | 'death'

/**
 * One consumer's place in a subscription. Verdicts on its deliveries go to the same object.
 *
 * `leave` takes effect at once: no `next` comes after it, even in the middle of a batch. Messages that were not handed out
 * stay in the queue. The message in hand (its `next` is running) stays with this consumer until it is settled. The other
 * unsettled messages stay with it too after `'complete'` and `'death'`; after the other causes they go back to the queue,
 * and count no failure. An unnamed subscription ends with its consumer; after `'death'` its queue counts as dropped. A second
 * `leave` does nothing.
 *
 * `suspend` and `resume` are for an unnamed subscription whose pipeline broke and is about to be rebuilt. In between, it
 * collects messages and hands out none. The same messages stay or go back as with `leave`; those that go back come first in
 * the queue. `resume` hands out to the new consumer, and returns before the first delivery.
 */
export interface Membership extends Settler {
  /** The only unsettled delivery; undefined when there is none, or more than one. */
  readonly sole: Message | undefined
  leave(cause: LeaveCause): void
  suspend(cause: LeaveCause): void
  resume(consumer: Consumer): void
  /** The consumer became busy. Not needed inside its own `next`. */
  pause(): void
  /** The consumer's client is cut off or back, and the subscription is at another host. Default: `isAway` tells it. */
  away?(isAway: boolean): void
  /** The consumer was busy and has room again. */
  wake(): void
  /** How many messages could be handed out if there were credit; undefined where that is unknown. */
  readonly ready?: number
  /** Changes while the log is read for them: a replay may look at very many messages of others. */
  readonly readTo?: number
  readonly hasCredit?: boolean
  /**
   * Resolves when each message that failed with a delay of 0 has been handed out again, for a membership whose broker is in
   * another process; undefined when none is due. A membership without it hands out in the microtask after the failure.
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
 * `publish` still goes through, and so does a reply inbox (`isReplyInbox`).
 */
export interface Broker {
  /** Everything but the way of messages: status, hosts, names, handlers, actors, dead letters. */
  readonly control: Control
  /** Replays the current state; completes after 'closed'. */
  readonly state$: Observable<BusState>
  /** What no call could report. Hot. */
  readonly errors$: Observable<MsgvanError>
  /** Errors that `errors$` cannot carry: those after its end, and those that its own subscribers throw. For the log. Hot. */
  readonly lateErrors$: Observable<MsgvanError>
  /** `publish` encodes the payload, and checks it while doing so: a getter in it is called once. */
  readonly checksPayloads: boolean
  /**
   * Resolves when the van has taken the message over. The caller has checked topic and headers, and the payload unless
   * `checksPayloads`. A rejection that has no handler does not end the process.
   *
   * @param refused called with the reason when the promise rejects
   */
  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void>
  /**
   * Registers at once, and is in force after `ready`. Deliveries begin after it returns. A refusal is a call of
   * `consumer.error`, which may come before.
   */
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when it is connected, and everything that was asked for so far is in force.
   *
   * @param timeout the longest wait for a connection, in milliseconds. Default: its own
   */
  ready(timeout?: number): Promise<void>
  /** Emits on `errors$` an error that no call can report. @param toLogOnly emits it on `lateErrors$` instead. Default false */
  report(error: MsgvanError, toLogOnly?: boolean): void
  close(options: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** Waits until publishes are taken over and running deliveries are settled. Default true. */
  drain?: boolean
  /** The longest wait, in milliseconds. Default 10,000. */
  timeout?: number
}
