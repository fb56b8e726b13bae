import type { DeadLetter } from '../../bus/contract/dead-letters.js'
import type { Envelope } from '../../message/envelope.js'

/** A dead letter as it is kept: its payload stays in the envelope. */
export interface StoredDeadLetter {
  readonly envelope: Envelope
  readonly letter: Omit<DeadLetter, 'payload'>
}
