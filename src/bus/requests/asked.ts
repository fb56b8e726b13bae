import { TimeoutError } from '../../errors.js'
import { onAbort } from '../ending/on-abort.js'
import { longTimeout } from '../long-timeout.js'
import type { CheckedRequest } from './check-requests.js'

/** One request, until it has its answer. */
export class Asked {
  /** Responders that died of it. */
  deaths = 0
  /** It was with a responder before. */
  wasGiven = false
  /** The van has taken it over. */
  isTaken = false
  /** Times in a row that it came back from a responder that had not begun. */
  returns = 0
  /** The address of the bus that works on it, as far as known. */
  worker: string | undefined
  heardAt = 0
  /** How often in a row the van did not find that bus. */
  looksGone = 0
  #resolve: (answer: unknown) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  #stop: (() => void) | undefined
  readonly answer: Promise<unknown>

  /** @param gaveUp the asker does not wait any longer */
  constructor(
    readonly id: string,
    readonly payload: unknown,
    readonly request: CheckedRequest,
    gaveUp: (asked: Asked, why: unknown) => void,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { timeout, signal, topic } = request
    const late = (): void => gaveUp(this, tooLate(topic, timeout))
    const cancel = timeout === Infinity ? undefined : longTimeout(late, timeout)
    const ignore = signal === undefined ? undefined : onAbort(signal, () => gaveUp(this, signal.reason))
    this.#stop = () => {
      cancel?.()
      ignore?.()
    }
  }

  resolve(answer: unknown): void {
    this.#end()
    this.#resolve(answer)
  }

  reject(error: unknown): void {
    this.#end()
    this.#reject(error)
  }

  #end(): void {
    this.#stop?.()
    this.#stop = undefined
  }
}

function tooLate(topic: string, timeout: number): TimeoutError {
  return new TimeoutError(
    `No answer came within ${timeout} ms to the request ${JSON.stringify(ownTopic(topic))}. Raise \`timeout\` if it needs longer.`,
  )
}

/** The request's topic as the app knows it. */
export function ownTopic(topic: string): string {
  return topic.slice(topic.indexOf('/') + 1)
}
