import type { MsgvanError } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'

/** All of one publisher on one topic. */
type InLine = Pick<Envelope, 'publisher' | 'topic'>

interface Line {
  readonly error: MsgvanError
  /** The frame by which the follower was told of the last refusal; undefined until it is. */
  told: number | undefined
}

/**
 * Publishers and topics of which something was refused for now, until the follower knows: it sends that again later, and what it
 * sent behind it meanwhile must not go before it.
 */
export class RefusedLines {
  readonly #lines = new Map<string, Line>()

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  /** Why what comes behind is refused, too. */
  errorOf(message: InLine): MsgvanError | undefined {
    return this.#lines.get(keyOf(message))?.error
  }

  refused(message: InLine, error: MsgvanError): void {
    const key = keyOf(message)
    const line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, { error, told: undefined })
    else line.told = undefined
  }

  /** @param frame of ours that says so */
  isTold(message: InLine, frame: number): void {
    const line = this.#lines.get(keyOf(message))
    if (line !== undefined) line.told = frame
  }

  /** The follower is done with our frames up to this one. */
  acked(frame: number): void {
    for (const [key, { told }] of this.#lines)
      if (told !== undefined && told <= frame) this.#lines.delete(key)
  }
}

function keyOf({ publisher, topic }: InLine): string {
  return `${publisher} ${topic}`
}
