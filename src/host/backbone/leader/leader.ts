import { traitsOf, type AskedOfHosts, type SentArgs } from '../../../wire/calls/calls.js'
import type { AnswerTo, RequestName, SentRequest } from '../../../wire/calls/host-requests.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import type { Envelope } from '../../../message/envelope.js'
import { describe, ForbiddenError, type MsgvanError } from '../../../errors.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import type { HostRef } from '../../../bus/contract/hosts.js'
import type { Reach } from '../contract/reach.js'
import type { ReachMemory } from '../contract/reach-memory.js'
import type { ReachingVan } from '../contract/reaching-van.js'
import { FollowerSession, REQUEST, type FollowerClientSession } from './follower-session.js'
import type { Followers, Introduction } from '../introduction.js'
import type { HostHandler } from '../contract/host-handler.js'
import { describeHost, hostRequest, HostRequests, LEADER, noSuchHost, REQUEST_MS } from '../host-requests.js'
import { Interests } from '../interests.js'
import { Lobby } from './lobby.js'
import type { HostBackbone } from '../make-backbone.js'
import type { HostList } from '../host-list.js'
import { PartlyAnswered } from '../partly-answered.js'
import { Seen } from '../follower/seen.js'

export interface LeaderOptions {
  /** Milliseconds that clients have to come back. */
  readonly sessionTtl: number
  readonly members: HostList
  /** Ends another host's session. */
  readonly endSession: (client: string, how: 'goodbye' | 'replaced') => void
  readonly warn: (text: string) => void
}

/** Every follower has a link in this van, which brings it the list of hosts. */
export const HOME_VAN = 'default'

/**
 * The leader: other hosts join it. It passes on the messages that each of them wants, and keeps the named subscriptions
 * of all.
 */
export class Leader implements HostBackbone {
  readonly members: HostList
  readonly #options: LeaderOptions
  /** By the name of the van. */
  readonly #reaches = new Map<string, LeaderReach>()
  readonly #followers = new Set<FollowerSession>()
  readonly #homes = new WeakMap<FollowerSession, boolean>()
  readonly #requests = new HostRequests()
  readonly followers: Followers = {
    admit: (van, ...joining) => {
      const reach = this.#reaches.get(van)
      if (reach === undefined) throw new Error(`the van ${van} is not open`)
      return reach.admit(...joining)
    },
  }

  constructor(options: LeaderOptions) {
    this.#options = options
    this.members = options.members
    this.members.watch(() => {
      for (const follower of this.#followers) this.#tellOfHosts(follower)
    })
  }

  reach(van: ReachingVan): Reach {
    const { warn, sessionTtl } = this.#options
    const reach: LeaderReach = new LeaderReach(van, {
      warn,
      sessionTtl,
      admitted: (follower, isHome, before) => this.#admitted(follower, isHome, before),
      attached: (follower, isAttached) => this.#attached(follower, isAttached),
      left: follower => this.#left(follower),
      request: (host, name, body, from) => this.#pass(host, name, body, from),
      closed: () => {
        if (this.#reaches.get(van.name) === reach) this.#reaches.delete(van.name)
      },
    })
    this.#reaches.set(van.name, reach)
    return reach
  }

  request<N extends RequestName>(host: string, name: N, args: SentRequest<N>): Promise<AnswerTo<N>> {
    return hostRequest(name, args, body => this.#pass(host, name, body, this.members.self.id))
  }

  requestLeader<N extends RequestName>(name: N, args: SentRequest<N>): Promise<AnswerTo<N>> {
    return this.request(LEADER, name, args)
  }

  serve<N extends RequestName>(name: N, handler: HostHandler<N>): void {
    this.#requests.serve(name, handler)
  }

  selfChanged(): void {
    this.members.selfChanged()
  }

  #pass(host: string, name: string, body: unknown, from: string): Promise<unknown> {
    if (host === LEADER || host === this.members.self.id) return this.#requests.handle(name, body, from)
    for (const follower of this.#followers)
      if (follower.host.id === host && this.#isHome(follower) && follower.isAttached)
        return follower.ask(REQUEST, { name, body, from }, REQUEST_MS)
    return Promise.reject(noSuchHost(host))
  }

  #isHome(follower: FollowerSession): boolean {
    return this.#homes.get(follower) === true
  }

  /**
   * A host takes the place of one that is gone, which will not come back for its messages.
   *
   * @param before the host whose place it takes: in each other van it comes for that one's messages
   */
  #admitted(follower: FollowerSession, isHome: boolean, before?: string): void {
    for (const other of [...this.#followers]) {
      if (other.seat !== follower.seat || other.host.id === follower.host.id) continue
      if (other.host.id !== before) this.#options.endSession(other.session.client, 'replaced')
      else if (other.hasPassed) this.#options.endSession(other.session.client, 'goodbye')
    }
    follower.introduce()
    this.#followers.add(follower)
    this.#homes.set(follower, isHome)
    this.#attached(follower, follower.isAttached)
  }

  #attached(follower: FollowerSession, isAttached: boolean): void {
    if (!this.#isHome(follower)) return
    if (!isAttached) return this.members.delete(follower.host.id)
    this.members.set(follower.host)
    this.#tellOfHosts(follower)
  }

  #left(follower: FollowerSession): void {
    this.#followers.delete(follower)
    if (this.#isHome(follower)) this.members.delete(follower.host.id)
  }

  #tellOfHosts(follower: FollowerSession): void {
    if (this.#isHome(follower) && follower.isAttached)
      follower.send(FrameKind.Hosts, { hosts: this.members.list() })
  }
}

interface ReachOwner {
  readonly sessionTtl: number
  warn(text: string): void
  admitted(follower: FollowerSession, isHome: boolean, before: string | undefined): void
  attached(follower: FollowerSession, isAttached: boolean): void
  left(follower: FollowerSession): void
  request(host: string, name: string, body: unknown, from: string): Promise<unknown>
  closed(): void
}

/** One van of a leader, with its followers. */
class LeaderReach implements Reach {
  readonly #van: ReachingVan
  readonly #owner: ReachOwner
  readonly #followers = new Set<FollowerSession>()
  readonly #interests = new Interests<FollowerSession | 'here'>()
  readonly #lobby = new Lobby()
  readonly memory: ReachMemory
  readonly #seen: Seen

  constructor(van: ReachingVan, owner: ReachOwner) {
    this.#van = van
    this.#owner = owner
    this.#seen = new Seen(van.marks, { isInOrder: true })
    this.memory = { seen: this.#seen }
    van.watchPatterns({
      added: pattern => this.#interests.change('here', [pattern]),
      removed: pattern => this.#interests.change('here', [], [pattern]),
    })
    // This host keeps everything that is published in the van.
    if (van.isKept) this.#interests.change('here', [/^/])
  }

  accept(envelope: Envelope): undefined | Promise<void> {
    return this.#van.accept(envelope)
  }

  ready(except?: HostRef): undefined | Promise<void> {
    const waits: Promise<void>[] = []
    for (const follower of this.#followers) {
      const settled = follower.relay === except ? undefined : follower.settled()
      if (settled !== undefined) waits.push(settled)
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
  }

  async ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>, except?: HostRef): Promise<unknown[]> {
    const followers = [...this.#followers].filter(follower => follower.relay !== except)
    const asked = followers.filter(({ isAttached }) => isAttached)
    const answers = await Promise.allSettled(asked.map(follower => follower.ask(name, args)))
    const given = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    if (traitsOf(name).needsHosts !== true || given.length === followers.length) return given
    const failed = answers.flatMap(answer => (answer.status === 'rejected' ? [describe(answer.reason)] : []))
    const away = followers.filter(follower => !asked.includes(follower))
    throw new PartlyAnswered(given, [
      ...away.map(({ host }) => `${describeHost(host)} cannot be reached.`),
      ...failed,
    ])
  }

  tellPublisher(from: HostRef, publisher: string, error: MsgvanError): void {
    for (const follower of this.#followers) follower.tellPublisher(from, publisher, error)
  }

  failHeldBy(host: string, name: string): void {
    for (const follower of this.#followers) if (follower.host.id === host) follower.session.failHeldBy(name)
  }

  admit(session: FollowerClientSession, subscription: number, introduction: Introduction): FollowerSession {
    const { seat, patterns, isKept, continues } = introduction
    this.#mayHave(seat, session)
    const host = reachable(introduction.host, session.address)
    const follower = new FollowerSession(session, session.relayTo(subscription), host, seat, isKept, {
      interests: this.#interests,
      resume: (...waiting) => this.#van.resume(...waiting),
      sessionTtl: this.#owner.sessionTtl,
      acceptFrom: (from, envelope) => this.#van.acceptFrom(from, envelope, true),
      awaitRoom: (from, envelope) => this.#van.awaitRoom(envelope, from),
      seen: this.#seen,
      wanted: pattern => {
        this.#lobby.arrived(pattern)
        this.#van.arrived(pattern)
      },
      warn: text => this.#owner.warn(text),
      attached: (each, isAttached) => this.#owner.attached(each, isAttached),
      left: (each, mailboxes) => {
        this.#followers.delete(each)
        const next = [...this.#followers].find(({ seat }) => seat === each.seat)
        if (each.isKept)
          this.#lobby.expect(
            mailboxes.filter(topic => next?.wants(topic) !== true),
            next !== undefined,
          )
        this.#owner.left(each)
      },
      request: (...request) => this.#owner.request(...request),
    })
    follower.begin(patterns)
    for (const other of this.#followers)
      if (other.seat === follower.seat && other.host.id === continues) other.passTo(follower)
    this.#followers.add(follower)
    this.#owner.admitted(follower, this.#van.name === HOME_VAN, continues)
    return follower
  }

  /** @throws ForbiddenError if another principal has that seat: with it goes what the host there is owed */
  #mayHave(seat: string, { access }: FollowerClientSession): void {
    const principal = access?.principal
    for (const { session, seat: taken } of this.#followers)
      if (taken === seat && session.access?.principal.name !== principal?.name)
        throw new ForbiddenError(
          "Another principal's host has joined with this seat. Give this host a state folder of its own (MSGVAN_HOME).",
        )
  }

  awaitActor(mail: Envelope): Promise<void> | undefined {
    return this.#lobby.wait(mail)
  }

  close(): void {
    this.#lobby.close()
    this.#followers.clear()
    this.#owner.closed()
  }
}

/** A host that listens on loopback alone, or on all addresses, does not know the address that others see. */
function reachable(host: HostStatus, seen: string): HostStatus {
  const isKnown = host.address !== '' && !/^(127\.|0\.0\.0\.0$|::1?$)/.test(host.address)
  return isKnown ? host : { ...host, address: seen.replace(/^::ffff:/, '') }
}
