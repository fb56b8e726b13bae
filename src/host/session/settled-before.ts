import { Message } from '../../message/message.js'
import type { KeptVerdict } from '../../wire/frames/kept-verdicts.js'

/** Milliseconds that a verdict waits for its message to come up. */
const KEPT_MS = 60_000
/** The most verdicts that a van keeps. Messages beyond it come again. */
const MOST_KEPT = 200_000

interface Verdicts {
  readonly until: number
  readonly byMessage: Map<string, KeptVerdict>
}

/**
 * The verdicts of consumers of a van while their host was dead, or their session lost, by subscription. They spare the
 * next consumer these messages.
 */
export class SettledBefore {
  readonly #subscriptions = new Map<string, Verdicts>()
  #size = 0

  get isEmpty(): boolean {
    return this.#subscriptions.size === 0
  }

  add(subscription: string, verdicts: readonly KeptVerdict[]): void {
    this.#sweep()
    if (verdicts.length === 0 || this.#size + verdicts.length > MOST_KEPT) return
    const before = this.#forget(subscription)
    const byMessage = before?.byMessage ?? new Map<string, KeptVerdict>()
    for (const verdict of verdicts) byMessage.set(keyOf(verdict), verdict)
    this.#subscriptions.set(subscription, { until: performance.now() + KEPT_MS, byMessage })
    this.#size += byMessage.size
  }

  /** The verdict on this very delivery, if there is one; it counts once. */
  take(subscription: string, message: Message): KeptVerdict | undefined {
    const verdicts = this.#subscriptions.get(subscription)
    if (verdicts === undefined) return undefined
    if (performance.now() > verdicts.until) {
      this.#forget(subscription)
      return undefined
    }
    const envelope = Message.envelopeOf(message)
    // A delivery of its own: the kept verdict was on an earlier one.
    if (envelope.isRedriven) return undefined
    const key = keyOf(envelope)
    const verdict = verdicts.byMessage.get(key)
    if (verdict === undefined) return undefined
    verdicts.byMessage.delete(key)
    this.#size -= 1
    if (verdicts.byMessage.size === 0) this.#subscriptions.delete(subscription)
    // A failure that counted already does not count again.
    return verdict.verdict === 'ack' || verdict.attempt === message.attempt ? verdict : undefined
  }

  #sweep(): void {
    const now = performance.now()
    for (const [subscription, { until }] of this.#subscriptions) if (now > until) this.#forget(subscription)
  }

  #forget(subscription: string): Verdicts | undefined {
    const verdicts = this.#subscriptions.get(subscription)
    if (verdicts === undefined) return undefined
    this.#subscriptions.delete(subscription)
    this.#size -= verdicts.byMessage.size
    return verdicts
  }
}

/** All subscribers of a name share one. After an unsubscribe the next incarnation has another. */
export function keyOfName(name: string, incarnation: string): string {
  return `n/${incarnation}/${name}`
}

function keyOf({ publisher, sequence }: Pick<KeptVerdict, 'publisher' | 'sequence'>): string {
  return `${publisher}-${sequence}`
}
