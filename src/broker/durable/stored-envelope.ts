import { Envelope, type BytesHolder } from '../../message/envelope.js'

/** A message in a broker with a log. */
export class StoredEnvelope extends Envelope {
  /**
   * Its place in the van's log, set when the broker accepts it. Negative for a message that a single subscription is
   * owed beyond the log (a replayed dead letter).
   */
  at = 0

  override get isRedriven(): boolean {
    return this.at < 0
  }

  override moved(content: Uint8Array, block: BytesHolder): Envelope {
    const moved = super.moved(content, block)
    if (moved instanceof StoredEnvelope) moved.at = this.at
    return moved
  }

  static of(envelope: Envelope, at = 0): StoredEnvelope {
    const stored = envelope.as(envelope.mayHaveCome ? RepeatedStoredEnvelope : StoredEnvelope)
    stored.at = at
    return stored
  }
}

/** Like `RepeatedEnvelope`. */
class RepeatedStoredEnvelope extends StoredEnvelope {
  override get mayHaveCome(): boolean {
    return true
  }
}

/** Undefined for a message that is not in the log: the system's own messages. */
export function placeOf(envelope: Envelope): number | undefined {
  return envelope instanceof StoredEnvelope && envelope.at !== 0 ? envelope.at : undefined
}
