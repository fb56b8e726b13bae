import type { DeadLetter } from '../../bus/contract/dead-letters.js'
import type { Envelope } from '../../message/envelope.js'

/** A stored dead letter: its payload stays in the envelope. */
export interface StoredDeadLetter {
  readonly envelope: Envelope
  readonly letter: Omit<DeadLetter, 'payload'>
}
