import type { RemoteBroker } from '../../../client/remote-broker.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import { HostUnreachableError, TimeoutError, unknownOutcome, type MsgvanError } from '../../../errors.js'
import {
  decodeArgs,
  isAskedOfHosts,
  traitsOf,
  type AskedOfHosts,
  type CallArgs,
  type GotArgs,
  type SentArgs,
} from '../../../wire/calls/calls.js'
import { decodeAskArgs } from '../../../wire/calls/leader-asks.js'
import { noSuchCall } from '../../../wire/calls/no-such-call.js'
import { fromWireError, toWireError } from '../../../wire/frames/control-frames.js'
import { decodeAsk } from '../../../wire/frames/host-frames.js'
import { answerParts, type Answer } from '../answer-parts.js'
import { inTime, noSuchHost, REQUEST_MS } from '../host-requests.js'
import { REQUEST, TELL } from '../leader/follower-session.js'
import type { PresenceAtLeader } from './presence-at-leader.js'

/** The longest wait of a call that needs a leader that is away. */
const AWAY_MS = 10_000

export interface CallsToLeaderOptions {
  readonly remote: Pick<RemoteBroker, 'call'>
  readonly presence: Pick<PresenceAtLeader, 'firstAttempt' | 'isUp' | 'up' | 'down'>
  /** Its address, for errors. */
  readonly leader: string
  /** Default: 10 seconds. */
  readonly awayMs?: number
  /** Another host requests something of this one. */
  readonly requested: (name: string, body: unknown, from: string) => Promise<unknown>
  /** Answers for this host alone a question of a bus about the whole van. */
  readonly answer: <N extends AskedOfHosts>(name: N, args: GotArgs<N>) => Promise<unknown>
  /** Reports an error to one of this host's clients that no call could report. */
  readonly tellPublisher: (publisher: string, error: MsgvanError) => void
}

/** The calls between a follower and its leader, in both directions. */
export class CallsToLeader {
  readonly #options: CallsToLeaderOptions
  readonly #remote: CallsToLeaderOptions['remote']
  readonly #presence: CallsToLeaderOptions['presence']

  constructor(options: CallsToLeaderOptions) {
    this.#options = options
    this.#remote = options.remote
    this.#presence = options.presence
  }

  /** Requests something of another host, by way of the leader. @throws RemoteError, TimeoutError */
  async request(host: string, name: string, body: unknown): Promise<unknown> {
    await this.#presence.firstAttempt
    if (!this.#presence.isUp) throw noSuchHost(host)
    const answer = this.#remote.call(REQUEST, { host, name, body })
    const down = this.#presence.down.then(() => Promise.reject(noSuchHost(host)))
    return inTime(Promise.race([answer, down]), REQUEST_MS, `Host ${host}`)
  }

  /** Resolves when all patterns of this host are in force at the leader, or it cannot be reached. */
  async ready(): Promise<void> {
    await this.#presence.firstAttempt
    if (this.#presence.isUp) await Promise.race([this.#remote.call('ready'), this.#presence.down])
  }

  /**
   * Asks the leader, which asks the others.
   *
   * @returns nothing if it cannot be reached
   * @throws HostUnreachableError for a call that needs it
   */
  async ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>): Promise<unknown[]> {
    if (traitsOf(name).needsLeader === true) return [await this.#askForSure(name, args)]
    await this.#presence.firstAttempt
    if (!this.#presence.isUp) return []
    const nothing = Symbol('nothing')
    const answer = await Promise.race([
      this.#remote.call(name, ...([args] as CallArgs<N>)),
      this.#presence.down.then(() => nothing),
    ])
    // It answers a host that may not join as it answers a client.
    return answer === nothing || !this.#isIn() ? [] : [answer]
  }

  /** Waits for a leader that is away. */
  async #askForSure<N extends AskedOfHosts>(name: N, args: SentArgs<N>): Promise<unknown> {
    const { leader, awayMs = AWAY_MS } = this.#options
    const who = `The leader at ${leader}`
    try {
      if (!this.#presence.isUp) await inTime(this.#presence.up, awayMs, who)
    } catch (cause) {
      throw new HostUnreachableError(
        `${who} could not be reached within ${awayMs} ms: the call did nothing. Call again when it is back.`,
        { cause },
      )
    }
    const answer = this.#remote.call(name, ...([args] as CallArgs<N>))
    // After a short cut the answer still comes.
    const given = this.#presence.down.then(() => inTime(answer, awayMs, who))
    return Promise.race([answer, given]).catch((error: unknown) => {
      throw error instanceof TimeoutError
        ? unknownOutcome(`${who} was lost before it answered`, { cause: error })
        : error
    })
  }

  /** An ASK frame of the leader. @throws ProtocolError */
  asked(body: ByteReader): void {
    const { id, method, args } = decodeAsk(body)
    this.#result(method, args).then(
      (value: unknown) => this.#answer({ id, value }),
      (error: unknown) => this.#answer({ id, error: toWireError(error) }),
    )
  }

  /** The leader can be reached, and has not refused this host meanwhile. */
  #isIn(): boolean {
    return this.#presence.isUp
  }

  async #result(method: string, args: unknown): Promise<unknown> {
    if (method === TELL) {
      const { publisher, ...error } = decodeAskArgs(TELL, args)
      this.#options.tellPublisher(publisher, fromWireError(error))
      return undefined
    }
    if (method === REQUEST) {
      const { name, body, from } = decodeAskArgs(REQUEST, args)
      return this.#options.requested(name, body, from)
    }
    if (!isAskedOfHosts(method)) throw noSuchCall(method)
    return this.#here(method, args)
  }

  #here<N extends AskedOfHosts>(name: N, args: unknown): Promise<unknown> {
    return this.#options.answer(name, decodeArgs(name, args))
  }

  #answer(answer: Answer): void {
    // The asking host may be gone: it does not miss the answer then.
    for (const part of answerParts(answer)) this.#remote.call('backbone.answer', part).catch(() => undefined)
  }
}
