import type { HostStatus } from '../../../bus/contract/status.js'
import type { Credential } from '../../../client/connection/credential.js'
import type { Dial, TlsOptions } from '../../../client/connection/dial-socket.js'
import { RemoteBroker } from '../../../client/remote-broker.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import { describe, StoreDamagedError, type MsgvanError } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'
import { isRequest } from '../../../message/topic.js'
import type { AskedOfHosts, SentArgs } from '../../../wire/calls/calls.js'
import { fromWireError, toWireError } from '../../../wire/frames/control-frames.js'
import { FrameKind } from '../../../wire/frames/frames.js'
import { decodeFields, decodeInterest, encodeInterest } from '../../../wire/frames/host-frames.js'
import { encodePattern } from '../../../wire/frames/subscription-request.js'
import type { HostQueue } from '../contract/host-queue.js'
import type { Names } from '../contract/names.js'
import type { Reach } from '../contract/reach.js'
import type { Outgoing, ReachMemory, Standing } from '../contract/reach-memory.js'
import type { ReachingVan } from '../contract/reaching-van.js'
import { publisherPrefix } from '../publisher-names.js'
import { hostOf } from '../host-fields.js'
import { Interests } from '../interests.js'
import { Crowded } from './crowded.js'
import { CallsToLeader } from './calls-to-leader.js'
import { LeaderForwarder } from './leader-forwarder.js'
import { FollowerGap } from './follower-gap.js'
import { FollowerJoin } from './follower-join.js'
import { NamesAtLeader } from './names-at-leader.js'
import { PresenceAtLeader } from './presence-at-leader.js'
import { Seen } from './seen.js'
import { InterestsOfLeader } from './interests-of-leader.js'

export interface LeaderLinkOptions {
  readonly van: ReachingVan
  readonly leader: string
  readonly credential: () => Promise<Credential | undefined>
  readonly tls: TlsOptions | undefined
  readonly dial: Dial | undefined
  readonly seat: string
  readonly maxPayload: number
  readonly self: () => HostStatus
  /** The host whose place this one takes. */
  readonly before: () => string | undefined
  readonly hosts: (hosts: readonly HostStatus[]) => void
  readonly up: (isUp: boolean) => void
  /** Another host's request. */
  readonly requested: (name: string, body: unknown, from: string) => Promise<unknown>
  readonly failed: (error: MsgvanError) => void
  readonly warn: (text: string) => void
  readonly closed: () => void
}

/**
 * One van's link from a follower to its leader: a client's link, which also reports the wanted patterns and passes on
 * others' publishes.
 */
export class LeaderLink implements Reach, Outgoing {
  readonly #options: LeaderLinkOptions
  readonly #remote: RemoteBroker
  readonly publisherPrefix: string
  readonly queue: HostQueue
  readonly names: Names
  readonly memory: ReachMemory
  readonly #forwarder: LeaderForwarder
  readonly #interests = new Interests<'here' | 'leader'>()
  readonly #leaderInterests: InterestsOfLeader
  readonly #presence: PresenceAtLeader
  readonly #calls: CallsToLeader
  readonly #gap: FollowerGap
  readonly #join: FollowerJoin
  readonly #crowded = new Crowded((id, pattern, isCrowded) => {
    this.#remote.call('backbone.crowded', { id, pattern, isCrowded }).catch(() => undefined)
  })

  constructor(options: LeaderLinkOptions) {
    this.#options = options
    const { van, warn, requested } = options
    this.publisherPrefix = publisherPrefix(options.seat)
    const seen = new Seen(van.marks)
    this.memory = { seen, outgoing: this }
    this.#forwarder = this.#openForwarder()
    this.queue = van.openQueue(this.#forwarder)
    this.#forwarder.membership = this.queue.membership
    this.#presence = new PresenceAtLeader({
      isSettled: () => this.#leaderInterests.isSettled,
      giveUpOthers: () => this.#leaderInterests.forgetStale(),
      turned: options.up,
      opened: () => this.#opened(),
      shut: () => this.#shut(),
    })
    this.#remote = this.#connect()
    this.#leaderInterests = new InterestsOfLeader(this.queue, warn)
    this.names = new NamesAtLeader({
      remote: this.#remote,
      interests: this.#leaderInterests,
      sights: van.sights,
      warn,
    })
    this.#calls = new CallsToLeader({
      ...{ remote: this.#remote, presence: this.#presence, leader: options.leader, requested },
      answer: (name, args) => van.answer(name, args),
      tellPublisher: (publisher, error) => van.tellPublisher(publisher, error),
    })
    this.#gap = new FollowerGap({
      ...{ van: van.name, leader: options.leader, warn },
      wasUp: () => this.#presence.wasUp,
      hasContinued: () => this.#remote.call('backbone.continued'),
      missed: missed => van.missed(missed),
    })
    this.#join = new FollowerJoin({
      ...{ remote: this.#remote, van, seen, from: this.queue, warn },
      introduction: () => this.#introduction(),
      refused: error => this.#refused(error),
    })
    this.#join.ask()
    van.watchPatterns({
      added: pattern => this.#interests.change('here', [pattern]),
      removed: pattern => this.#interests.change('here', [], [pattern]),
    })
    this.#remote.state$.subscribe(state => this.#presence.turn(state === 'connected'))
    this.#remote.errors$.subscribe(error => {
      // `failed` reports everything else.
      if (error instanceof StoreDamagedError) van.misses(error)
    })
  }

  get van(): string {
    return this.#options.van.name
  }

  request(host: string, name: string, body: unknown): Promise<unknown> {
    return this.#calls.request(host, name, body)
  }

  /** Later sessions report it themselves. */
  selfChanged(): void {
    if (!this.#presence.isUp) return
    this.#remote.call('backbone.host', { host: this.#options.self() }).catch(() => undefined)
  }

  get standing(): Standing {
    return { wanted: this.#leaderInterests.wanted, memory: this.#remote.memory }
  }

  get lost(): readonly Envelope[] {
    return this.#forwarder.again
  }

  owesAgain(lost: readonly Envelope[]): void {
    this.#forwarder.owes(lost)
  }

  continueFrom({ wanted, memory }: Standing): void {
    if (memory === undefined) return
    this.#gap.continue()
    this.#leaderInterests.anew(wanted)
    this.#remote.renews(memory)
  }

  abandon(): void {
    this.#join.close()
    this.#remote.abandon()
    this.#presence.shut()
  }

  accept(envelope: Envelope): undefined | Promise<void> {
    const { van } = this.#options
    // A request goes to one responder, here or there, and its answer says that it was accepted.
    if (isRequest(envelope.topic)) return van.accept(envelope)
    if (!this.#presence.mayPass || !this.queue.takes(envelope.topic)) return van.accept(envelope)
    const passed = this.#forwarder.await(envelope)
    const held = van.accept(envelope)
    if (held === undefined) return passed
    held.catch(() => this.#forwarder.forget(envelope))
    return Promise.all([held, passed]).then(() => undefined)
  }

  ready(): Promise<void> {
    return this.#calls.ready()
  }

  ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>): Promise<unknown[]> {
    return this.#calls.ask(name, args)
  }

  crowded(id: string, pattern: RegExp | string, isCrowded: boolean): void {
    this.#crowded.change(id, pattern, isCrowded, this.#presence.isOpen)
  }

  close(): void {
    void this.end()
  }

  async end(): Promise<void> {
    this.#join.close()
    this.#presence.endFirstAttempt()
    this.#presence.turn(false)
    this.queue.close()
    this.#options.closed()
    await this.#remote.close({ drain: false })
  }

  #connect(): RemoteBroker {
    const { van, leader, credential, tls, dial, maxPayload, failed } = this.#options
    return new RemoteBroker({
      ...{ url: leader, van: van.name, secret: credential, maxPayload },
      ...(tls === undefined ? {} : { tls }),
      ...(dial === undefined ? {} : { dial }),
      asHost: {
        frame: (kind, body) => this.#frame(kind, body),
        blockOf: bytes => van.blockOf(bytes),
        failed: error => {
          this.#presence.endFirstAttempt()
          if (!this.#presence.isUp) this.#forwarder.shut()
          failed(error)
        },
        missed: missed => this.#gap.missed(missed),
      },
    })
  }

  /** The leader refuses this host, not the connection. */
  #refused(error: MsgvanError): void {
    this.#presence.refused()
    this.#options.failed(error)
  }

  #openForwarder(): LeaderForwarder {
    const { van, warn } = this.#options
    return new LeaderForwarder({
      send: envelope => this.#remote.passOn(envelope),
      isWanted: topic => this.queue.takes(topic),
      unwanted: envelope => van.reroute(envelope),
      lost: (envelope, error) => this.#refusedForGood(envelope, error),
      warn,
      after: (ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      },
    })
  }

  /** This host's introduction to the leader, at the beginning of every session. */
  #introduction(): object {
    this.#presence.awaitWants()
    const patterns = this.#interests.listen('leader', change => {
      this.#remote.send(FrameKind.Interest, encodeInterest(change))
    })
    const { self, seat, van, before } = this.#options
    const continues = before()
    return {
      ...{ host: self(), seat, patterns: patterns.map(encodePattern), isKept: van.isKept },
      ...(continues === undefined ? {} : { continues }),
    }
  }

  #frame(kind: FrameKind, body: ByteReader): void {
    switch (kind) {
      case FrameKind.Interest:
        return this.#interest(body)
      case FrameKind.Hosts:
        return this.#options.hosts(decodeFields(body).list('hosts', 10_000).map(hostOf))
      default:
        return this.#calls.asked(body)
    }
  }

  #interest(body: ByteReader): void {
    const { anew, add, remove } = decodeInterest(body)
    if (anew) {
      this.#leaderInterests.anew(add)
      this.#join.accepted()
      this.#presence.wantsCame()
    } else this.#leaderInterests.change(add, remove)
    this.#presence.openIfSettled()
  }

  #opened(): void {
    this.queue.isAway = false
    this.#forwarder.open()
    this.#crowded.tellAll()
    const lost = this.queue.takeDropped()
    if (lost > 0)
      this.#options.warn(
        `van ${this.van}: ${lost} messages for other hosts were dropped while the leader could not be reached`,
      )
  }

  #shut(): void {
    this.queue.isAway = true
    this.#forwarder.shut()
  }

  /** It was accepted while the leader was away: its publisher only learns of this by `errors$`. */
  #refusedForGood({ publisher, topic }: Envelope, error: unknown): void {
    const text =
      `The leader refuses a message on ${topic} that this host had accepted from its publisher, for good. ` +
      `It reaches no other host: ${describe(error)}`
    this.#options.warn(`van ${this.van}: ${text}`)
    this.#options.van.tellPublisher(publisher, fromWireError({ ...toWireError(error), text }))
  }
}
