import { map, Observable } from 'rxjs'
import type { DeadLetter, DeadLetterFilter, DeadLetters } from '../bus/dead-letters.js'
import { Encoding, type Envelope } from '../message/envelope.js'
import { readBody } from '../message/payload.js'
import type { Buried, DeadLetterBox } from './dead-letter-box.js'

/** An app's view of the dead letters: with payloads read, which the box itself never does. */
export class DeadLetterView extends Observable<DeadLetter> implements DeadLetters {
  readonly #box: DeadLetterBox
  readonly #replayOne: (buried: Buried) => boolean

  constructor(box: DeadLetterBox, replayOne: (buried: Buried) => boolean) {
    super(subscriber => box.new$.pipe(map(withPayload)).subscribe(subscriber))
    this.#box = box
    this.#replayOne = replayOne
  }

  list(filter?: DeadLetterFilter): Promise<DeadLetter[]> {
    return Promise.resolve(this.#box.list(filter).map(withPayload))
  }

  replay(filter?: DeadLetterFilter): Promise<number> {
    const gone = this.#box.list(filter).filter(buried => this.#replayOne(buried))
    for (const buried of gone) this.#box.remove(buried)
    return Promise.resolve(gone.length)
  }

  purge(filter?: DeadLetterFilter): Promise<number> {
    const gone = this.#box.list(filter)
    for (const buried of gone) this.#box.remove(buried)
    return Promise.resolve(gone.length)
  }
}

function withPayload({ envelope, letter }: Buried): DeadLetter {
  return { ...letter, payload: readBody(envelope) }
}

/** Inside one process a letter needs no wrapping. */
export function unwrappedLetter(letter: Omit<DeadLetter, 'payload'>, envelope: Envelope) {
  return { body: withPayload({ envelope, letter }), size: 0, encoding: Encoding.Value }
}
