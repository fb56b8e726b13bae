import type { RemoteBroker } from '../../../client/remote-broker.js'
import type { ByteReader } from '../../../codec/byte-reader.js'
import type { MsgvanError } from '../../../errors.js'
import type { AskedOfHosts, CallArgs, SentArgs } from '../../../wire/calls/calls.js'
import { decodeAskArgs } from '../../../wire/calls/leader-asks.js'
import { fromWireError, toWireError } from '../../../wire/frames/control-frames.js'
import { decodeAsk } from '../../../wire/frames/host-frames.js'
import { answerParts, type Answer } from '../answer-parts.js'
import { inTime, noSuchHost, REQUEST_MS } from '../host-requests.js'
import { REQUEST, TELL } from '../leader/follower-session.js'
import type { LeaderPresence } from './leader-presence.js'

export interface LeaderCallsOptions {
  readonly remote: RemoteBroker
  readonly presence: LeaderPresence
  /** Another host requests something of this one. */
  readonly requested: (name: string, body: unknown, from: string) => Promise<unknown>
  /** Answers for this host alone a question of a bus about the whole van. */
  readonly answer: (method: string, args: unknown) => Promise<unknown>
  /** Reports an error to one of this host's clients that no call could report. */
  readonly tellPublisher: (publisher: string, error: MsgvanError) => void
}

/** The calls between a follower and its leader, in both directions. */
export class LeaderCalls {
  readonly #options: LeaderCallsOptions
  readonly #remote: RemoteBroker
  readonly #presence: LeaderPresence

  constructor(options: LeaderCallsOptions) {
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

  /** Asks the leader, which asks the others. @returns nothing if it cannot be reached */
  async ask<N extends AskedOfHosts>(name: N, args: SentArgs<N>): Promise<unknown[]> {
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
    if (method !== REQUEST) return this.#options.answer(method, args)
    const { name, body, from } = decodeAskArgs(REQUEST, args)
    return this.#options.requested(name, body, from)
  }

  #answer(answer: Answer): void {
    // The asking host may be gone: it does not miss the answer then.
    for (const part of answerParts(answer)) this.#remote.call('backbone.answer', part).catch(() => undefined)
  }
}
