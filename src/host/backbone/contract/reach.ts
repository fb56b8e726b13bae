import type { HostRef } from '../../../bus/contract/hosts.js'
import type { MsgvanError } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'
import type { AskedOfHosts, SentArgs } from '../../../wire/calls/calls.js'
import type { Names } from './names.js'
import type { ReachMemory } from './reach-memory.js'

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
export interface Reach {
  /** That of the backbone. Default: empty. */
  readonly publisherPrefix?: string
  /** Set if named subscriptions and replays are at another place than this host. */
  readonly names?: Names
  /** For a hand-over. */
  readonly memory?: ReachMemory
  /**
   * Accepts a publish of this host's own clients, as `ReachingVan.accept` does. If another place keeps the named
   * subscriptions, and can be reached, the promise waits for it too.
   */
  accept(envelope: Envelope): undefined | Promise<void>
  /**
   * Resolves when all subscriptions here are in force at every host that can be reached; undefined when they are.
   *
   * @param except the asking host, which need not be waited for
   */
  ready(except?: HostRef): undefined | Promise<void>
  /**
   * Asks the other hosts that can be reached, each for itself; leaves out those that do not answer in time.
   *
   * @throws HostUnreachableError for a call with `needsLeader` or `needsHosts`
   */
  ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>, except?: HostRef): Promise<unknown[]>
  /** A subscription of this host became so full that publishers elsewhere wait for it, or it is empty again. */
  crowded?(id: string, pattern: RegExp | string, isCrowded: boolean): void
  /** Reports an error to the publisher of a message that came from that host. */
  tellPublisher?(from: HostRef, publisher: string, error: MsgvanError): void
  /** Resolves when it is known whether an actor is there again whose host is on its way back; undefined when none is. */
  awaitActor?(mail: Envelope): Promise<void> | undefined
  /** That host is gone: its messages of a named subscription at this host go to others. */
  failHeldBy?(host: string, name: string): void
  close?(): void
}
