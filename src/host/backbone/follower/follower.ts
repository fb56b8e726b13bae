import type { Credential } from '../../../client/connection/credential.js'
import type { Dial, TlsOptions } from '../../../client/connection/dial-socket.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import type { MsgvanError } from '../../../errors.js'
import type { AnswerTo, RequestName, SentRequest } from '../../../wire/calls/host-requests.js'
import type { Backbone } from '../contract/backbone.js'
import type { HostHandler } from '../contract/host-handler.js'
import type { Reach } from '../contract/reach.js'
import type { ReachingVan } from '../contract/reaching-van.js'
import { publisherPrefix } from '../publisher-names.js'
import { hostRequest, HostRequests, LEADER, noSuchHost } from '../host-requests.js'
import { HOME_VAN } from '../leader/leader.js'
import type { HostList } from '../host-list.js'
import { LeaderLink } from './leader-link.js'

export interface FollowerOptions {
  readonly members: HostList
  /** The leader's address. */
  readonly leader: string
  readonly credential: () => Promise<Credential | undefined>
  /** The certificates that prove it, PEM. Default: those that this machine trusts. */
  readonly tls?: TlsOptions | undefined
  /** Default: by socket.io. */
  readonly dial?: Dial | undefined
  /** The same for every host that runs in this place, one after the other. */
  readonly seat: string
  readonly maxPayload: number
  readonly warn: (text: string) => void
}

/** A host that has joined a leader: one link for each used van, and always one for the home van. */
export class Follower implements Backbone {
  readonly homes = [HOME_VAN]
  readonly isFollower = true
  readonly publisherPrefix: string
  readonly members: HostList
  readonly #options: FollowerOptions
  readonly #links = new Set<LeaderLink>()
  readonly #requests = new HostRequests()
  /** The host whose place this one takes. */
  #before: string | undefined
  /** The last reported error: the same one is not reported for every van and every attempt. */
  #reported: string | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.members = options.members
    this.publisherPrefix = publisherPrefix(options.seat)
  }

  reach(van: ReachingVan): Reach {
    const { leader, credential, tls, dial, seat, maxPayload, warn } = this.#options
    const link: LeaderLink = new LeaderLink({
      van,
      leader,
      credential,
      tls,
      dial,
      seat,
      maxPayload,
      self: () => this.members.self,
      before: () => this.#before,
      hosts: hosts => this.#hosts(hosts),
      up: isUp => this.#up(van.name, isUp),
      failed: error => this.#failed(error),
      requested: (name, body, from) => this.#requests.handle(name, body, from),
      warn,
      closed: () => this.#links.delete(link),
    })
    this.#links.add(link)
    return link
  }

  request<N extends RequestName>(host: string, name: N, args: SentRequest<N>): Promise<AnswerTo<N>> {
    return hostRequest(name, args, body => this.#pass(host, name, body))
  }

  requestLeader<N extends RequestName>(name: N, args: SentRequest<N>): Promise<AnswerTo<N>> {
    return this.request(LEADER, name, args)
  }

  serve<N extends RequestName>(name: N, handler: HostHandler<N>): void {
    this.#requests.serve(name, handler)
  }

  selfChanged(): void {
    this.members.selfChanged()
    for (const link of this.#links) link.selfChanged()
  }

  continueFrom(host: string): void {
    this.#before = host
  }

  abandon(): void {
    for (const link of this.#links) link.abandon()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links].map(link => link.end()))
  }

  #pass(host: string, name: string, body: unknown): Promise<unknown> {
    const { id } = this.members.self
    if (host === id) return this.#requests.handle(name, body, id)
    const home = [...this.#links].find(link => link.van === HOME_VAN)
    return home?.request(host, name, body) ?? Promise.reject(noSuchHost(host))
  }

  #hosts(hosts: readonly HostStatus[]): void {
    this.members.replace(hosts)
  }

  #up(van: string, isUp: boolean): void {
    if (van !== HOME_VAN) return
    if (isUp) this.#reported = undefined
    else this.members.replace([])
  }

  #failed(error: MsgvanError): void {
    if (this.#reported === error.code) return
    this.#reported = error.code
    this.#options.warn(
      `cannot join the leader at ${this.#options.leader}: ${error.message} This host tries again.`,
    )
  }
}
