import type { AnswerTo, RequestName, SentRequest } from '../../../wire/calls/host-requests.js'
import type { HostHandler } from './host-handler.js'
import type { KnownHosts } from './known-hosts.js'
import type { Reach } from './reach.js'
import type { ReachingVan } from './reaching-van.js'

/**
 * Joins this host to others. One for each host. Its kinds: `alone`, `leader`, `follower`.
 *
 * - Order: none between requests. Messages of a van have the order that `Reach` promises.
 * - Loss: a request without an answer rejects; the other host may have done it.
 * - Duplicates: a request is made at most once.
 * - Who closes: the host, after its sessions and before its vans.
 *
 * A kind leaves out the optional parts that it does not have.
 */
export interface Backbone {
  /** All present hosts, this one first. */
  readonly members: KnownHosts
  /** Another host decides about the names of actors for all. Default: this one does. */
  readonly isFollower?: boolean
  /** Begins the names of all publishers of this host, where others know them, too. Default: empty. */
  readonly publisherPrefix?: string
  /** Vans that stay open without users here. Default: none. */
  readonly homes?: readonly string[]
  /** A van's way to the same van in other hosts. Called once, when the van begins here. */
  reach(van: ReachingVan): Reach
  /**
   * Makes a request of the table to a host, which may be this one. Rejects with its handler's error.
   *
   * @throws RemoteError if it cannot be reached, TimeoutError after 30 seconds
   */
  request<N extends RequestName>(host: string, name: N, args: SentRequest<N>): Promise<AnswerTo<N>>
  /**
   * Makes a request to the host that decides for all. A kind without a leader chooses one.
   *
   * @throws as `request`
   */
  requestLeader<N extends RequestName>(name: N, args: SentRequest<N>): Promise<AnswerTo<N>>
  /** Serves other hosts' requests of that name. */
  serve<N extends RequestName>(name: N, handler: HostHandler<N>): void
  /** This host's own status has changed. */
  selfChanged(): void
  /** Another process takes this one's place: from now on this one takes nothing from others, and says no goodbye. */
  abandon?(): void
  /** Takes the place of that host. Call it before a van has its reach. */
  continueFrom?(host: string): void
  close?(): Promise<void>
}
