import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { MsgvanError } from '../../../errors.js'
import type { BytesHolder, Envelope } from '../../../message/envelope.js'
import type { AskedOfHosts, GotArgs } from '../../../wire/calls/calls.js'
import type { Missed } from '../../../wire/missed.js'
import type { HostQueue } from './host-queue.js'
import type { HostRef } from '../../../bus/contract/hosts.js'
import type { SeenMarks } from './seen-marks.js'
import type { Sights } from './sights.js'

/** A van of this host, as its reach uses it. The van closes its reach, never the other way round. */
export interface ReachingVan {
  readonly name: string
  /** This host keeps everything that is published anywhere in the van. */
  readonly isKept: boolean
  /** The last messages of other hosts, if they are stored. */
  readonly marks: SeenMarks | undefined
  readonly sights: Sights
  /** Accepts a publish of this host's own clients: undefined when the van owes it, else a promise for that. */
  accept(envelope: Envelope): undefined | Promise<void>
  /**
   * Accepts a message of another host, which does not go back there.
   *
   * @param isAnswered its publisher learns of a refusal
   */
  acceptFrom(from: HostRef, envelope: Envelope, isAnswered: boolean): undefined | Promise<void> | MsgvanError
  /** Counts the memory of messages in these bytes. */
  blockOf(bytes: Uint8Array): BytesHolder
  /** A message came again: resolves when its subscriptions have room; undefined when they have. */
  awaitRoom(envelope: Envelope, from: HostRef): undefined | Promise<void>
  /** Resolves when everything so far is on the disk; undefined when it is, or without a store. */
  kept(): Promise<void> | undefined
  /** A queue for another host, on the disk if this host has a store. Called at most once. */
  openQueue(consumer: Consumer): HostQueue
  /**
   * A membership that another process in the place of its client left behind gets its next consumer.
   *
   * @returns false: its subscription has ended, or has another pattern
   */
  resume(membership: Membership, request: SubscriptionRequest, consumer: Consumer): boolean
  /** A message was taken out of a queue, and no other host wants it: mail goes to another host. */
  reroute(envelope: Envelope): void
  /** Reports the patterns of this host's subscriptions, once for each subscription, the present ones at once. */
  watchPatterns(watcher: PatternsHere): void
  /** Reports to one of this host's clients an error that no call could report. */
  tellPublisher(publisher: string, error: MsgvanError): void
  /** The host with this van's store has lost a part of it. */
  misses(error: MsgvanError): void
  /** Other hosts do not know this one any more: its clients learn of it. */
  missed(missed: Missed): void
  /** Another host wants these messages from now on: answers that wait for it can go. */
  arrived(topic: RegExp | string): void
  /** Answers for this host alone a bus's call about the whole van. */
  answer<N extends AskedOfHosts>(name: N, args: GotArgs<N>): Promise<unknown>
}

export interface PatternsHere {
  added(pattern: RegExp | string): void
  removed(pattern: RegExp | string): void
}
