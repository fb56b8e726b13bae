import type { Observable } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { Message, Settler } from '../../message/message.js'
import type { Control } from './control.js'
import type { PublishRules } from './options.js'
import type { SubscriptionRequest } from './subscription-request.js'

/**
 * Why a message has no subscription: none matched, the one that had it is gone, or that one's consumer died of it, as
 * far as the broker knows.
 */
export type Unrouted = 'no-responder' | 'left' | 'died'

export type BusState = 'connecting' | 'connected' | 'reconnecting' | 'closed'

/**
 * Receives deliveries. The broker calls `next` once for each delivery, never from inside another `next` of the same
 * broker. It calls nothing after `error` or `complete`.
 */
export interface Consumer {
  next(message: Message): void
  /** The van refused the subscription: the name is taken, or the van cannot match the pattern. */
  error(error: MsgvanError): void
  /** The van closed. */
  complete(): void
  /**
   * The consumer has no room. It calls `pause()` when this becomes true, and gets nothing until it calls `wake()`.
   * Default: false.
   */
  readonly isBusy?: boolean
  /** A busy consumer still takes back a message that it failed and that is due at once. Default: false. */
  readonly takesBack?: boolean
  /** Its client is cut off, and may come back. Default: false. */
  readonly isAway?: boolean
  /** Whether it may see messages with this topic. Others of its subscription get those that it may not. Default: all. */
  readonly sees?: ((topic: string) => boolean) | undefined
  /** The consumer ends when its host ends. Default: false, since it runs in a process of its own. */
  readonly endsWithHost?: boolean
  /** Gets the rules of its subscription when they differ from its request, at the start or later. Default: ignored. */
  ruled?(rules: SubscriptionRequest): void
  /** Gets the incarnation of the name that it joined, before the first delivery. Default: ignored. */
  named?(incarnation: string): void
  /** For a consumer that passes messages on: its unsettled messages belong to other consumers now. */
  lapsed?(): void
  /**
   * The consumer passes messages on to another process, and calls `begin` when that process begins one. Default: false.
   */
  readonly passesOn?: boolean
}

/**
 * The reason why a consumer's pipeline ended. `'unsubscribe'`: the app unsubscribed. `'complete'`: an operator
 * completed it (`take`). `'error'`: an error passed through it. `'death'`: its process died, or the host gave it up.
 */
export type LeaveCause = 'unsubscribe' | 'complete' | 'error' | 'death'

/**
 * One consumer's place in a subscription. It also takes the verdicts on the consumer's deliveries.
 *
 * `leave` takes effect at once: no `next` follows it, even in the middle of a batch. Messages that were not handed out
 * stay in the queue. The message in hand (its `next` is running) stays with this consumer until it is settled. The
 * other unsettled messages stay with it too after `'complete'` and `'death'`; after the other causes they go back to
 * the queue, and count no failure. An unnamed subscription ends with its consumer; after `'death'` its queue counts as
 * dropped. A second `leave` does nothing.
 *
 * `suspend` and `resume` are for an unnamed subscription whose pipeline broke and is about to be rebuilt. In between,
 * it collects messages and hands out none. The same messages stay or go back as with `leave`; those that go back come
 * first in the queue. `resume` hands out to the new consumer, and returns before the first delivery.
 */
export interface Membership extends Settler {
  /** The only unsettled delivery; undefined when there are none, or several. */
  readonly sole: Message | undefined
  leave(cause: LeaveCause): void
  suspend(cause: LeaveCause): void
  resume(consumer: Consumer): void
  /** The consumer calls it when it becomes busy, except inside its own `next`. */
  pause(): void
  /**
   * The consumer's client is cut off or back, and the subscription is at another host. Default: `isAway` reports it.
   */
  away?(isAway: boolean): void
  /** The consumer calls it when it has room again. */
  wake(): void
  /** The number of messages that more credit would hand out; undefined where it is unknown. */
  readonly ready?: number
  /**
   * Changes while the broker reads the log for this consumer: a replay may pass very many messages that do not match.
   */
  readonly readTo?: number
  readonly hasCredit?: boolean
  /**
   * Resolves when each message that failed with a delay of 0 is handed out again; undefined when none is due. Only for
   * a membership whose broker is in another process. Others hand out in the microtask after the failure.
   */
  caughtUp?(): Promise<void> | undefined
}

/**
 * The one small interface through which an app does everything. The embedded bus uses the real broker (broker/). A bus
 * over a host uses a remote one (client/), which speaks to the real one in the host.
 *
 * Every kind promises: for each publisher and topic, the publish order; at least once; a publish inside a `next` is
 * queued behind the message in hand; a consumer's failure reaches neither publishers nor other consumers. All calls are
 * safe at any time; after `close` they fail with ClosedError. While it drains and a delivery is in hand, `publish`
 * still goes through, and so does a reply inbox (`isReplyInbox`).
 */
export interface Broker {
  /** Everything beside the way of messages: status, hosts, names, handlers, actors, dead letters. */
  readonly control: Control
  /** Replays the current state; completes after 'closed'. */
  readonly state$: Observable<BusState>
  /** Errors that no call can report. Hot. */
  readonly errors$: Observable<MsgvanError>
  /**
   * Errors that `errors$` cannot carry, for the log: those after its end, and those that its own subscribers throw.
   * Hot.
   */
  readonly lateErrors$: Observable<MsgvanError>
  /** `publish` encodes the payload and checks it at the same time, so it calls a getter in the payload once. */
  readonly checksPayloads: boolean
  /**
   * Resolves when the van has taken the message over. The caller has checked topic and headers, and the payload unless
   * `checksPayloads`. A rejection without a handler does not end the process.
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
   * Like `publish`, for a message with rules: an id, a delay, a time to live.
   */
  publishRuled(
    topic: string,
    payload: unknown,
    headers: Headers,
    rules: PublishRules,
    refused?: (error: unknown) => void,
  ): Promise<void>
  /**
   * Registers at once; the subscription is in force after `ready`. Deliveries begin after it returns. A refusal calls
   * `consumer.error`, possibly before it returns.
   */
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when the broker is connected, and every earlier request is in force.
   *
   * @param timeout the longest wait for a connection, in milliseconds. Default: the broker's own
   */
  ready(timeout?: number): Promise<void>
  /**
   * Emits on `errors$` an error that no call can report.
   *
   * @param toLogOnly emits it on `lateErrors$` instead. Default false
   */
  report(error: MsgvanError, toLogOnly?: boolean): void
  /** @param endsProcess by a signal, right after: it waits for no host that nothing starts again */
  close(options: CloseOptions, endsProcess?: boolean): Promise<void>
}

export interface CloseOptions {
  /** Waits until the van has accepted all publishes, and running deliveries are settled. Default true. */
  drain?: boolean
  /** The longest wait, in milliseconds; `Infinity`: without an end. Default 10,000. */
  timeout?: number
  /**
   * When it aborts, the promise rejects with its reason, and the bus closes without waiting any longer, as at the end of
   * `timeout`. If it has aborted before, the bus stays open.
   */
  signal?: AbortSignal
}
