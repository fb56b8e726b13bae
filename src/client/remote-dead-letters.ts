import { Observable } from 'rxjs/internal/Observable'
import type { Broker, SubscriptionRequest } from '../bus/broker.js'
import type { DeadLetter, DeadLetterFilter, DeadLetters } from '../bus/dead-letters.js'
import { UnreadablePayloadError } from '../errors.js'
import { decodeLetter } from '../message/payload.js'
import { DEFAULT_PENDING_BYTES } from '../bus/pending-bytes.js'

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

/** The host's dead letters. What crosses are letters around payloads that are bytes; they are read here. */
export class RemoteDeadLetters extends Observable<DeadLetter> implements DeadLetters {
  readonly #call: (method: string, args: unknown) => Promise<unknown>

  constructor(broker: Broker, call: (method: string, args: unknown) => Promise<unknown>) {
    super(subscriber => {
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
  }

  async list(filter: DeadLetterFilter = {}): Promise<DeadLetter[]> {
    const letters = await this.#call('deadLetters.list', filter)
    if (!Array.isArray(letters)) throw new UnreadablePayloadError('The host sent no list of dead letters.')
    return letters.map(letter => decodeLetter(letter as Uint8Array) as DeadLetter)
  }

  async replay(filter: DeadLetterFilter = {}): Promise<number> {
    return Number(await this.#call('deadLetters.replay', filter))
  }

  async purge(filter: DeadLetterFilter = {}): Promise<number> {
    return Number(await this.#call('deadLetters.purge', filter))
  }
}
