import { Envelope } from '../../message/envelope.js'

/** A message in a broker that keeps what it owes. */
export class StoredEnvelope extends Envelope {
  /**
   * Its place in the van's log, set when it is taken over; negative for one that a single subscription is owed beyond the log
   * (a dead letter that was replayed).
   */
  at = 0

  override get isReplayed(): boolean {
    return this.at < 0
  }

  static of(envelope: Envelope, at = 0): StoredEnvelope {
    const { publisher, sequence, topic, headers, timestamp, content, size, encoding, offset } = envelope
    const Kind = envelope.mayHaveCome ? RepeatedStoredEnvelope : StoredEnvelope
    const stored = new Kind(publisher, sequence, topic, headers, timestamp, content, size, encoding, offset)
    stored.at = at
    return stored
  }
}

/** As `RepeatedEnvelope`. */
class RepeatedStoredEnvelope extends StoredEnvelope {
  override get mayHaveCome(): boolean {
    return true
  }
}

/** Undefined for what is not kept: the system's own messages. */
export function placeOf(envelope: Envelope): number | undefined {
  return envelope instanceof StoredEnvelope && envelope.at !== 0 ? envelope.at : undefined
}
