import { ProtocolError } from '../../errors.js'
import { decodePayload, encodePayload } from '../../codec/payload.js'
import { toWireError, tooLargeAnswer, type WireError } from '../../wire/frames/control-frames.js'
import type { Fields } from '../../wire/frames/fields.js'
import { ANSWER_PART_BYTES, MAX_ANSWER_BYTES } from '../../wire/protocol.js'

/** A host's answer to another one's question. */
export type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: WireError })

/** Splits an answer that is too long for one call: all parts except the last have `more`. */
export function answerParts(answer: Answer): object[] {
  if ('error' in answer) return [answer]
  const { id, value } = answer
  let bytes: Uint8Array
  try {
    bytes = encodePayload(value)
    if (bytes.length > MAX_ANSWER_BYTES) throw tooLargeAnswer(bytes.length)
  } catch (error) {
    return [{ id, error: toWireError(error) }]
  }
  if (bytes.length <= ANSWER_PART_BYTES) return [{ id, value }]
  const parts: object[] = []
  for (let at = 0; at < bytes.length; at += ANSWER_PART_BYTES) {
    const end = at + ANSWER_PART_BYTES
    parts.push({ id, part: bytes.subarray(at, end), more: end < bytes.length })
  }
  return parts
}

/** Puts one answer together again. */
export class AnswerParts {
  readonly #parts: Uint8Array[] = []
  #bytes = 0

  /**
   * @returns whether the answer is whole
   * @throws ProtocolError
   */
  add(fields: Fields): boolean {
    const part = fields.get('part')
    if (!(part instanceof Uint8Array)) throw new ProtocolError("A part of a host's answer is not bytes.")
    this.#bytes += part.length
    if (this.#bytes > MAX_ANSWER_BYTES) throw new ProtocolError("A host's answer is over its limit.")
    this.#parts.push(part)
    return !fields.flag('more')
  }

  /** @throws UnreadablePayloadError */
  value(): unknown {
    const bytes = new Uint8Array(this.#bytes)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    return decodePayload(bytes)
  }
}
