import type { MsgvanError } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'

/** All messages of one publisher on one topic. */
type InLine = Pick<Envelope, 'publisher' | 'topic'>

interface Line {
  readonly error: MsgvanError
  /** The frame that reported the last refusal to the follower; undefined until then. */
  reported: number | undefined
}

/**
 * Publishers and topics with messages that were refused for now, until the follower knows. It sends those again later,
 * and the messages behind them must not go before them.
 */
export class RefusedLines {
  readonly #lines = new Map<string, Line>()

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  /** The error for messages behind it, which are refused, too. */
  errorOf(message: InLine): MsgvanError | undefined {
    return this.#lines.get(keyOf(message))?.error
  }

  refused(message: InLine, error: MsgvanError): void {
    const key = keyOf(message)
    const line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, { error, reported: undefined })
    else line.reported = undefined
  }

  /**
   * @param frame of ours that reports it
   */
  reported(message: InLine, frame: number): void {
    const line = this.#lines.get(keyOf(message))
    if (line !== undefined) line.reported = frame
  }

  /** The follower has finished our frames up to this one. */
  acked(frame: number): void {
    for (const [key, { reported }] of this.#lines)
      if (reported !== undefined && reported <= frame) this.#lines.delete(key)
  }
}

function keyOf({ publisher, topic }: InLine): string {
  return `${publisher} ${topic}`
}
