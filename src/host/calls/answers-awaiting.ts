import { ASK } from '../../bus/actors/actor-requests.js'
import type { Envelope } from '../../message/envelope.js'
import { REPLIES } from '../../message/topic.js'

const MOST = 10_000
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Answers for clients of the host before this one that are not back yet: they had asked, and would wait in vain. No store keeps
 * letters, so nothing else waits for them. Bounded: what comes beyond is for nobody, as without this.
 */
export class AnswersAwaiting {
  #answers: Map<string, Envelope[]> | undefined
  #count = 0
  #bytes = 0

  /** A host before this one had clients, which have their time to come back. */
  begin(): void {
    this.#answers ??= new Map()
  }

  /** They have had it. */
  end(): void {
    this.#answers = undefined
    this.#count = 0
    this.#bytes = 0
  }

  /** Nobody has that address. @returns whether somebody may be on the way */
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

  /** Somebody has that address now. @returns what waited for them, in order */
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
