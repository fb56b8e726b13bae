import { ASK } from '../../bus/actors/actor-requests.js'
import type { Envelope } from '../../message/envelope.js'
import { REPLIES } from '../../message/topic.js'

const MOST = 10_000
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Answers for clients of the previous host that are not back yet: without this they would wait in vain. No store keeps
 * letters, so nothing else holds these. Bounded: it drops all beyond the limit.
 */
export class AnswersAwaiting {
  #answers: Map<string, Envelope[]> | undefined
  #count = 0
  #bytes = 0

  /** The previous host had clients, which get time to come back. */
  begin(): void {
    this.#answers ??= new Map()
  }

  /** Their time is over. */
  end(): void {
    this.#answers = undefined
    this.#count = 0
    this.#bytes = 0
  }

  /**
   * No client has that address.
   *
   * @returns whether one may be on the way
   */
  keep(envelope: Envelope): boolean {
    const { topic, size, headers } = envelope
    const answers = this.#answers
    if (answers === undefined || !topic.startsWith(REPLIES) || headers[ASK] === undefined) return false
    if (this.#count >= MOST || this.#bytes + size > MOST_BYTES) return false
    this.#count += 1
    this.#bytes += size
    const before = answers.get(topic)
    if (before === undefined) answers.set(topic, [envelope])
    else before.push(envelope)
    return true
  }

  /**
   * A client has that address now.
   *
   * @returns its answers, in order
   */
  take(topic: RegExp | string): readonly Envelope[] {
    const waited = typeof topic === 'string' ? this.#answers?.get(topic) : undefined
    if (waited === undefined || typeof topic !== 'string') return []
    this.#answers?.delete(topic)
    for (const { size } of waited) {
      this.#count -= 1
      this.#bytes -= size
    }
    return waited
  }
}
