import type { AskedOfHosts, SentArgs } from '../../wire/calls.js'
import type { Origin } from '../../broker/subscription/pause.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { OutboundLog } from '../../broker/durable/durable-log.js'
import type { Relay } from '../../broker/routing/relay.js'
import type { MsgvanError } from '../../errors.js'
import type { Consumer, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import type { Missed } from '../../wire/frames/control-frames.js'
import type { Fields } from '../../wire/frames/fields.js'
import type { FollowerSession, FollowerClientSession } from './leader/follower-session.js'
import type { HostHandler } from './host-requests.js'
import type { Members } from './leader/members.js'
import type { Seen, SeenMarks } from './follower/seen.js'

/** What joins this host to others: nothing (`alone`), being the leader (`leader`), or having one (`follower`). One per host. */
export interface Backbone {
  /** All hosts that are there, this one first. */
  readonly members: Members
  /** Another host leads. */
  readonly isFollower: boolean
  /** How a van of this host reaches the same van in others. Called once, when the van begins here. */
  reach(van: ReachingVan): Reach
  /** Vans that are kept open though nobody uses them here. */
  readonly homes: readonly string[]
  /**
   * Has a host of these do something; this one too. Rejects with what its handler throws.
   *
   * @throws RemoteError if it cannot be reached, TimeoutError after 30 seconds
   */
  request(host: string, name: string, body: unknown): Promise<unknown>
  /** Has whoever leads do something: this host itself, unless it has joined another. @throws as `request` */
  requestLeader(name: string, body: unknown): Promise<unknown>
  /** Does what others ask for under that name. Values must be payloads. */
  serve(name: string, handler: HostHandler): void
  /** What this host says of itself has changed. */
  selfChanged(): void
  /** Another process goes on in this place: from now on this one takes nothing from others, and says no goodbye. */
  abandon?(): void
  /** Goes on in the place of that host. Before a van has its reach. */
  goOn?(host: string): void
  close(): Promise<void>
}

/** A van of this host as its reach knows it. */
export interface ReachingVan {
  readonly name: string
  readonly broker: LocalBroker
  /** Where what waits for a leader is kept, if this host keeps what it owes. Called once at most. */
  outbox(): OutboundLog | undefined
  /** What is published anywhere in the van is kept here. */
  readonly isKept: boolean
  /** How far others' messages have come here, where that is kept. */
  readonly marks: SeenMarks | undefined
  /** Resolves when all that was taken over so far is on the disk; undefined when it is, or where nothing is kept. */
  kept(): Promise<void> | undefined
  /** Takes over what came from another host by this way. @param isAnswered its publisher is told of a refusal */
  acceptFrom(from: Relay, envelope: Envelope, isAnswered: boolean): undefined | Promise<void> | MsgvanError
  /** One of this host's clients is told what no call could report. */
  tellPublisher(publisher: string, error: MsgvanError): void
  /** The host that keeps this van has lost something of it. */
  misses(error: MsgvanError): void
  /** The host that keeps this van does not know this one any more: its clients are told. */
  missed(missed: Missed): void
  /** Another host wants what is sent there from now on: what waited for that is for it. */
  arrived(topic: RegExp | string): void
  /** Answers for this host alone what a bus asks of the whole van. */
  answer(method: string, args: unknown): Promise<unknown>
}

/**
 * One van's way to other hosts. Whoever is cut off delays only what has to cross the cut: everything else goes on as if that
 * host were not there.
 */
export interface Reach {
  /** Named subscriptions are one in the van, and so is what is replayed: where they are kept, if not here. */
  readonly names: Names | undefined
  /** What came from other hosts, to tell what comes again. */
  readonly seen?: Seen
  /** Where what the leader wants waits for it, if another host leads. */
  readonly relay?: Relay
  /** How far this host has come with its leader, for another process to go on from there. */
  readonly standing?: Standing
  /** Another process had come so far. Before the leader is there. */
  goOn?(standing: Standing): void
  /** Messages that a leader held for publishers that wait, and has lost: the next one is owed them. */
  readonly lost?: readonly Envelope[]
  owesAgain?(lost: readonly Envelope[]): void
  /**
   * A publish of this host's own clients. Takes it over as `LocalBroker.accept` does; where the named subscriptions are kept
   * elsewhere and that host can be reached, the promise waits for it too.
   */
  accept(envelope: Envelope): undefined | Promise<void>
  /**
   * Resolves when what is subscribed to here is in force at every host that can be reached; undefined when it is.
   *
   * @param except who asks, and need not be waited for
   */
  ready(except?: FollowerSession): undefined | Promise<void>
  /** Asks the other hosts that can be reached, each for itself; who does not answer in time is left out. */
  ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>, except?: FollowerSession): Promise<unknown[]>
  /** A subscription of this host holds so much that publishers elsewhere should wait for it too, or it holds nothing any more. */
  crowded(id: string, pattern: RegExp | string, isCrowded: boolean): void
  /** Whoever published what came this way is told what no call could report. */
  tellPublisher(from: Origin, publisher: string, error: MsgvanError): void
  /** Resolves when it is known whether an actor is there again whose host is on its way back; undefined when none is. */
  awaitActor?(mail: Envelope): Promise<void> | undefined
  /** That host is gone: what it held of a named subscription that is kept here is for others. */
  failHeldBy(host: string, name: string): void
  /** Another host joins. @throws UnsupportedError if this one does not lead */
  admit(session: FollowerClientSession, subscription: number, fields: Fields): FollowerSession
  close(): void
}

/** What a follower knows of its leader. */
export interface Standing {
  /** What the leader wants. */
  readonly wanted: readonly (RegExp | string)[]
  /** The memory, or the store, of the leader. */
  readonly memory: string | undefined
}

/** The named subscriptions of a van, and its log, kept by another host. While that one is away, calls and consumers wait. */
export interface Names {
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when what was asked for is in force where it is kept, and on the disk there if that has one; never if this host ends
   * before. @throws StoreError as a rejection: in force, and not on the disk
   */
  placed(membership: Membership): Promise<void> | undefined
  /** Registers one in place of what the name had. @throws InvalidPatternError */
  replace(request: SubscriptionRequest & { readonly name: string }): Promise<void>
  unsubscribe(name: string): Promise<boolean>
}

/** What every kind of backbone needs of the host around it. */
export interface BackboneMeans {
  readonly members: Members
  readonly endSession: (client: string, how: 'goodbye' | 'replaced') => void
  readonly warn: (text: string) => void
}

export type MakeBackbone = (means: BackboneMeans) => Backbone
