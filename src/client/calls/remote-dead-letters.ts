import { Observable } from 'rxjs/internal/Observable'
import type { Broker } from '../../bus/contract/broker.js'
import {
  checkFilter,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterListOptions,
  type DeadLetters,
} from '../../bus/contract/dead-letters.js'
import { guardEnd } from '../../bus/topic/guarding.js'
import { decodeLetter } from '../../codec/payload.js'
import { DEFAULT_PENDING_BYTES, type SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Call } from '../../wire/calls/calls.js'
import type { LetterPage } from '../../wire/calls/dead-letter-calls.js'

const announcements: SubscriptionRequest = {
  pattern: /^\$dead\//,
  ordered: false,
  prefetch: 256,
  attempts: 1,
  delay: 0,
  ackTimeout: 0,
  maxPending: 10_000,
  maxPendingBytes: DEFAULT_PENDING_BYTES,
  overflow: 'drop-oldest',
}

/** The host's dead letters. The host sends payloads as bytes, and this class decodes them. */
export class RemoteDeadLetters extends Observable<DeadLetter> implements DeadLetters {
  readonly #call: Call
  readonly #hosts: () => Promise<readonly { readonly id: string }[]>

  constructor(broker: Broker, call: Call) {
    super(subscriber => {
      guardEnd(subscriber, 'deadLetters()', error => broker.report(error))
      const membership = broker.consume(announcements, {
        next(message) {
          subscriber.next(message.payload as DeadLetter)
          message.ack()
        },
        error: error => subscriber.error(error),
        complete: () => subscriber.complete(),
      })
      return () => membership.leave('unsubscribe')
    })
    this.#call = call
    this.#hosts = () => broker.control.hosts()
  }

  async list(filter?: DeadLetterFilter, options?: DeadLetterListOptions): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = []
    for await (const page of this.pages(filter, options)) for (const letter of page) letters.push(letter)
    return letters
  }

  async *pages(
    filter: DeadLetterFilter = {},
    options: DeadLetterListOptions = {},
  ): AsyncIterable<DeadLetter[]> {
    checkFilter(filter, options)
    const { payloads = true } = options
    const asked = new Set<string>()
    for (;;) {
      // A page may have waited for the leader: that host was not there before.
      const host = (await this.#hosts()).map(({ id }) => id).find(id => !asked.has(id))
      if (host === undefined) return
      asked.add(host)
      let after: number | undefined = 0
      do {
        const page: LetterPage = await this.#call('deadLetters.page', { ...filter, host, after, payloads })
        const letters = page.letters.map(readLetter)
        if (letters.length > 0) yield letters
        const { next } = page
        // Places only grow. Otherwise the loop would never end.
        after = next !== undefined && next > after ? next : undefined
      } while (after !== undefined)
    }
  }

  async replay(filter: DeadLetterFilter = {}): Promise<number> {
    checkFilter(filter)
    return this.#call('deadLetters.replay', filter)
  }

  async purge(filter: DeadLetterFilter = {}): Promise<number> {
    checkFilter(filter)
    return this.#call('deadLetters.purge', filter)
  }
}

function readLetter(letter: unknown): DeadLetter {
  if (letter instanceof Uint8Array) return decodeLetter(letter) as DeadLetter
  return { ...(letter as Omit<DeadLetter, 'payload'>), payload: undefined }
}
