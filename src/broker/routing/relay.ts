import type { Consumer, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { patternKey } from '../../message/pattern.js'
import type { HostRef } from '../../bus/contract/hosts.js'
import type { Separator } from '../memory/separator.js'
import { Gate } from './gate.js'
import type { Item } from '../subscription/backlog/item.js'
import type { OutboundLog } from '../durable/durable-log.js'
import type { Member } from '../subscription/member.js'
import { OutboundSubscription } from '../durable/outbound-subscription.js'
import type { PatternTable } from '../patterns/pattern-table.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'
import { Subscription } from '../subscription/subscription.js'

/** The most full subscriptions of one other host that hold back publishers here. */
const MOST_GATES = 10_000

const FOR_EVER = Number.MAX_SAFE_INTEGER

/**
 * The relay never gives a message up and keeps the order: a message that the other host has not accepted stays first.
 */
export const relayRules: SubscriptionRequest = {
  pattern: /^/,
  ordered: false,
  prefetch: 4_096,
  attempts: FOR_EVER,
  delay: 0,
  ackTimeout: 0,
  maxPending: 100_000,
  maxPendingBytes: 256 * 1024 * 1024,
  overflow: 'pause',
}

/** On a disk it has all the room that there is. */
export const outboundRules: SubscriptionRequest = {
  ...relayRules,
  name: 'leader',
  maxPending: FOR_EVER,
  maxPendingBytes: FOR_EVER,
}

/**
 * Queues messages for another host: one subscription of many patterns, so that each message goes there once, with the
 * queue, the credit and the bounds of any other subscription. Its counts are its own.
 */
export class Relay {
  readonly #routes: PatternTable<Subscription>
  readonly #subscription: Subscription
  readonly #member: Member
  /** Each with its place in the routes. */
  readonly #patterns = new Map<string, { readonly pattern: RegExp | string; readonly route: number }>()
  readonly #closed: (owed: readonly Item[]) => void
  readonly #rules: SubscriptionRequest
  readonly #owner: SubscriptionOwner<Subscription>
  /** By the other host's id of its subscription. */
  readonly #gates = new Map<string, { readonly gate: Gate; readonly route: number }>()
  #dropped = 0

  constructor(
    consumer: Consumer,
    routes: PatternTable<Subscription>,
    owner: SubscriptionOwner<Subscription>,
    closed: (owed: readonly Item[]) => void,
    outboundLog?: OutboundLog,
  ) {
    this.#routes = routes
    this.#closed = closed
    this.#rules = outboundLog === undefined ? relayRules : outboundRules
    const relayOwner: SubscriptionOwner<Subscription> = {
      after: (delay, run) => owner.after(delay, run),
      now: () => owner.now(),
      elapsed: () => owner.elapsed(),
      wake: subscription => owner.wake(subscription),
      paused: () => undefined,
      abandonedPublisher: () => undefined,
      deadLettered: () => false,
      isClosing: false,
      unrouted: () => undefined,
      settled: () => undefined,
      abandoned: () => this.close(),
    }
    this.#owner = relayOwner
    this.#subscription =
      outboundLog === undefined
        ? new Subscription('', this.#rules, relayOwner)
        : new OutboundSubscription(outboundLog, this.#rules, relayOwner)
    this.#member = this.#subscription.newMember(consumer, this.#rules)
    this.#subscription.join(this.#member)
  }

  /**
   * The relay that stands for another host outside of the broker.
   *
   * @throws TypeError if it is none
   */
  static of(host: HostRef): Relay {
    if (!(#subscription in host)) throw new TypeError('This is not a relay.')
    return host
  }

  /** The subscription that holds its messages. */
  get owed(): Subscription {
    return this.#subscription
  }

  /** The other host's membership: it settles the messages that it accepted. */
  get membership(): Membership {
    return this.#member
  }

  /** No message is pending or on its way. */
  get isIdle(): boolean {
    return this.backlog === 0
  }

  /** The number of messages that are pending or on their way. */
  get backlog(): number {
    return this.#subscription.pending + this.#subscription.held + this.#subscription.inFlight
  }

  /** The targets of a message that came by this relay: all except the relay itself. */
  others(targets: readonly Subscription[]): readonly Subscription[] {
    return targets.filter(
      target => target !== this.#subscription && !(target instanceof Gate && target.relay === this),
    )
  }

  takes(topic: string): boolean {
    return this.#routes.match(topic).includes(this.#subscription)
  }

  /** While the other host is out of reach, no publisher here waits for it: beyond `maxPending` the oldest go. */
  set isAway(isAway: boolean) {
    this.#subscription.rules = isAway ? { ...this.#rules, overflow: 'drop-oldest' } : this.#rules
    if (isAway) this.#openGates()
  }

  /** The number of dropped messages since the last call. */
  takeDropped(): number {
    const { dropped } = this.#subscription.counts
    const news = dropped - this.#dropped
    this.#dropped = dropped
    return news
  }

  has(pattern: RegExp | string): boolean {
    return this.#patterns.has(keyOf(pattern))
  }

  get patterns(): (RegExp | string)[] {
    return [...this.#patterns.values()].map(({ pattern }) => pattern)
  }

  /**
   * A subscription of the other host is full and holds many messages: publishers here whose messages match wait for it.
   *
   * @throws InvalidPatternError
   */
  shut(id: string, pattern: RegExp | string): void {
    if (this.#gates.has(id) || this.#gates.size >= MOST_GATES) return
    const gate = new Gate(pattern, this, this.#owner)
    this.#gates.set(id, { gate, route: this.#routes.add(pattern, gate) })
  }

  /** It has room again, or is gone. */
  open(id: string): void {
    const shut = this.#gates.get(id)
    if (shut === undefined) return
    this.#gates.delete(id)
    this.#routes.remove(shut.gate.rules.pattern, shut.route)
    shut.gate.open()
  }

  #openGates(): void {
    for (const id of [...this.#gates.keys()]) this.open(id)
  }

  /** Rejects the promises of publishers that wait for room here. */
  refuseHeld(error: Error): void {
    for (const { gate } of this.#gates.values()) gate.refuseHeld(error)
    this.#subscription.refuseHeld(error)
  }

  /**
   * The other host wants matching messages. A second call does nothing.
   *
   * @throws InvalidPatternError
   */
  want(pattern: RegExp | string): void {
    const key = keyOf(pattern)
    if (this.#patterns.has(key)) return
    this.#patterns.set(key, { pattern, route: this.#routes.add(pattern, this.#subscription) })
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    this.#subscription.separate(separator)
  }

  /** Messages that were taken for it before are still owed. */
  wantNoMore(pattern: RegExp | string): void {
    const key = keyOf(pattern)
    const wanted = this.#patterns.get(key)
    if (wanted === undefined) return
    this.#routes.remove(wanted.pattern, wanted.route)
    this.#patterns.delete(key)
  }

  /** It owes nothing any more. */
  close(): void {
    this.#end()
    this.#closed([])
  }

  /** The other host is gone: the broker decides about its messages. */
  giveUp(): void {
    // Messages on their way come back into the queue.
    this.#member.suspend('unsubscribe')
    this.#closed(this.#end())
  }

  /**
   * Another process takes the other host's place: it is owed all that this relay owes. Call it before it is owed
   * anything else.
   */
  passTo(host: HostRef): void {
    const next = Relay.of(host)
    const { state } = this.#subscription
    // Messages on their way come back into the queue.
    this.#member.suspend('unsubscribe')
    const owed = this.#end()
    this.#closed([])
    next.#subscription.resume({ counts: state.counts, nextOrder: state.nextOrder })
    next.#dropped = this.#dropped
    next.#subscription.owes(
      owed.filter(({ isBegun }) => isBegun),
      [],
      owed.filter(({ isBegun }) => !isBegun),
    )
  }

  #end(): Item[] {
    this.#openGates()
    for (const { pattern, route } of this.#patterns.values()) this.#routes.remove(pattern, route)
    this.#patterns.clear()
    return this.#subscription.end(false)
  }
}

/** A text may look like a pattern's key. */
export function keyOf(pattern: RegExp | string): string {
  return typeof pattern === 'string' ? `=${pattern}` : `/${patternKey(pattern)}`
}
