import type { AskedOfHosts, SentArgs } from '../../wire/calls/calls.js'
import type { Origin } from '../../broker/subscription/backlog/pause.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { OutboundLog } from '../../broker/durable/durable-log.js'
import type { Relay } from '../../broker/routing/relay.js'
import type { MsgvanError } from '../../errors.js'
import type { Consumer, Membership } from '../../bus/contract/broker.js'
import type { Sight } from '../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import type { Missed } from '../../wire/frames/control-frames.js'
import type { FollowerSession } from './leader/follower-session.js'
import type { HostHandler } from './host-requests.js'
import type { MayLead } from './introduction.js'
import type { Members } from './leader/members.js'
import type { Seen, SeenMarks } from './follower/seen.js'

/**
 * Joins this host to others: as none (`alone`), as the leader (`leader`), or as a follower (`follower`). One for each
 * host.
 */
export interface Backbone {
  /** All present hosts, this one first. */
  readonly members: Members
  /** Another host leads. */
  readonly isFollower: boolean
  /** Begins the names of all publishers of this host, where others know them, too. */
  readonly publisherPrefix: string
  /** A van's way to the same van in other hosts. Called once, when the van begins here. */
  reach(van: ReachingVan): Reach
  /** Vans that stay open without users here. */
  readonly homes: readonly string[]
  /**
   * Makes a request to a host, which may be this one. Rejects with its handler's error.
   *
   * @throws RemoteError if it cannot be reached, TimeoutError after 30 seconds
   */
  request(host: string, name: string, body: unknown): Promise<unknown>
  /**
   * Makes a request to the leader: this host itself, unless it has joined another.
   *
   * @throws as `request`
   */
  requestLeader(name: string, body: unknown): Promise<unknown>
  /** Serves other hosts' requests of that name. Values must be payloads. */
  serve(name: string, handler: HostHandler): void
  /** This host's own status has changed. */
  selfChanged(): void
  /** Another process takes this one's place: from now on this one takes nothing from others, and says no goodbye. */
  abandon?(): void
  /** Takes the place of that host. Call it before a van has its reach. */
  goOn?(host: string): void
  close(): Promise<void>
}

/** What the principals of this host may see, as it is now. */
export interface Sights {
  /** One that is gone, or whose rights are too large to send, sees nothing. */
  of(principal: string): Sight
  /** @throws LimitError if they are too large to send */
  check(principal: string): void
}

/** A van of this host, as its reach uses it. */
export interface ReachingVan {
  readonly name: string
  readonly broker: LocalBroker
  /** The log for messages to a leader, if this host keeps one. Called at most once. */
  outbox(): OutboundLog | undefined
  /** This host keeps everything that is published anywhere in the van. */
  readonly isKept: boolean
  /** The last messages of other hosts, if they are stored. */
  readonly marks: SeenMarks | undefined
  readonly sights: Sights
  /** Resolves when everything so far is on the disk; undefined when it is, or without a store. */
  kept(): Promise<void> | undefined
  /**
   * Takes over a message of another host.
   *
   * @param isAnswered its publisher learns of a refusal
   */
  acceptFrom(from: Relay, envelope: Envelope, isAnswered: boolean): undefined | Promise<void> | MsgvanError
  /** Reports to one of this host's clients an error that no call could report. */
  tellPublisher(publisher: string, error: MsgvanError): void
  /** The host with this van's store has lost a part of it. */
  misses(error: MsgvanError): void
  /** The host with this van's store does not know this one any more: its clients learn of it. */
  missed(missed: Missed): void
  /** Another host wants these messages from now on: those that waited for it can go. */
  arrived(topic: RegExp | string): void
  /** Answers for this host alone a bus's call about the whole van. */
  answer(method: string, args: unknown): Promise<unknown>
}

/**
 * One van's way to other hosts. A cut host delays only messages across the cut: everything else goes on as if that host
 * did not exist.
 *
 * - Order: messages of one publisher and topic stay in their order.
 * - Duplicates: the receiver drops a message that it has seen, by its publisher, topic and number.
 * - Loss: a full subscription elsewhere delays its publisher. The queue for a host that is away has a limit; beyond it
 *   the oldest messages are dropped, and the operator learns of it.
 * - Who closes: the van.
 *
 * A kind leaves out the optional parts that it does not have.
 */
export interface Reach extends MayLead {
  /** That of the backbone, if it has one. */
  readonly publisherPrefix?: string
  /** Named subscriptions and replays have one host in the van; set if that is another one. */
  readonly names?: Names
  /** The last messages of other hosts, to notice repeated ones. */
  readonly seen?: Seen
  /** The queue of messages for the leader, if another host leads. */
  readonly relay?: Relay
  /** This host's standing with its leader, for another process to continue. */
  readonly standing?: Standing
  /** The standing of another process. Call it before the leader is there. */
  goOn?(standing: Standing): void
  /** Messages that a leader held for waiting publishers, and has lost: the next one is owed them. */
  readonly lost?: readonly Envelope[]
  owesAgain?(lost: readonly Envelope[]): void
  /**
   * A publish of this host's own clients. It takes the message over like `LocalBroker.accept`. If the named
   * subscriptions are at another host that can be reached, the promise waits for it too.
   */
  accept(envelope: Envelope): undefined | Promise<void>
  /**
   * Resolves when all subscriptions here are in force at every host that can be reached; undefined when they are.
   *
   * @param except the asking host, which need not be waited for
   */
  ready(except?: FollowerSession): undefined | Promise<void>
  /** Asks the other hosts that can be reached, each for itself; leaves out those that do not answer in time. */
  ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>, except?: FollowerSession): Promise<unknown[]>
  /**
   * A subscription of this host holds so much that publishers elsewhere should wait for it too, or it holds nothing any
   * more.
   */
  crowded?(id: string, pattern: RegExp | string, isCrowded: boolean): void
  /** Reports an error to the publisher of a message that came this way. */
  tellPublisher?(from: Origin, publisher: string, error: MsgvanError): void
  /**
   * Resolves when it is known whether an actor is there again whose host is on its way back; undefined when none is.
   */
  awaitActor?(mail: Envelope): Promise<void> | undefined
  /** That host is gone: its messages of a named subscription at this host go to others. */
  failHeldBy?(host: string, name: string): void
  close(): void
}

/** A follower's knowledge of its leader. */
export interface Standing {
  /** The patterns that the leader wants. */
  readonly wanted: readonly (RegExp | string)[]
  /** The memory, or the store, of the leader. */
  readonly memory: string | undefined
}

/** The named subscriptions of a van, and its log, at another host. While that one is away, calls and consumers wait. */
export interface Names {
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when the subscription is in force at its host, and on the disk there if that has a store; never if this
   * host ends before.
   *
   * @throws StoreError as a rejection: in force, and not on the disk
   */
  placed(membership: Membership): Promise<void> | undefined
  /**
   * Registers a subscription, and replaces the one of that name.
   *
   * @throws InvalidPatternError
   */
  replace(request: SubscriptionRequest & { readonly name: string }): Promise<void>
  unsubscribe(name: string): Promise<boolean>
  /** The rights of these principals of this host have changed. */
  renewRights(principals: readonly string[]): void
}

/** The host, as every kind of backbone uses it. */
export interface BackboneMeans {
  readonly members: Members
  readonly endSession: (client: string, how: 'goodbye' | 'replaced') => void
  readonly warn: (text: string) => void
}

export type MakeBackbone = (means: BackboneMeans) => Backbone
