import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import { InvalidPayloadError, PayloadTooLargeError } from '../../errors.js'

const LINE_FEED = 0x0a
const BYTE_ORDER_MARK = '\ufeff'

/**
 * The lines of a UTF-8 text stream, without their line breaks, in the batches in which they come. Reads no further than
 * its consumer asks. Skips a byte order mark at the beginning. The part after the last line break is a line too, unless
 * it is empty.
 *
 * @throws PayloadTooLargeError at a line of more than `longest` bytes
 * @throws InvalidPayloadError at the first line that is not UTF-8; the lines before it come first
 */
export async function* linesOf(stream: Readable, longest: number): AsyncGenerator<string[]> {
  let rest: Uint8Array[] = []
  let size = 0
  let number = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    const end = chunk.lastIndexOf(LINE_FEED)
    if (end >= 0) {
      yield* lot(Buffer.concat([...rest, chunk.subarray(0, end)]))
      rest = []
      size = 0
    }
    rest.push(chunk.subarray(end + 1))
    size += chunk.length - end - 1
    if (size > longest) throw tooLong(longest)
  }
  if (size > 0) yield* lot(Buffer.concat(rest))

  function* lot(bytes: Buffer): Generator<string[]> {
    const isText = isUtf8(bytes)
    const lines = isText ? linesIn(bytes, number === 0) : linesBefore(bytes, number === 0)
    number += lines.length
    if (lines.length > 0) yield lines
    if (!isText) throw notUtf8(number + 1)
  }
}

/** A line feed is never part of a longer character, so a batch that ends at one has whole characters. */
function linesIn(bytes: Buffer, isFirst: boolean): string[] {
  const text = bytes.toString('utf8')
  return text
    .slice(isFirst && text.startsWith(BYTE_ORDER_MARK) ? 1 : 0)
    .split('\n')
    .map(line => (line.endsWith('\r') ? line.slice(0, -1) : line))
}

/** The lines before the first that is not UTF-8. */
function linesBefore(bytes: Buffer, isFirst: boolean): string[] {
  let good = 0
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, good)
    if (!isUtf8(bytes.subarray(good, end < 0 ? undefined : end))) break
    good = end + 1
  }
  return good === 0 ? [] : linesIn(bytes.subarray(0, good - 1), isFirst)
}

function notUtf8(number: number): InvalidPayloadError {
  return new InvalidPayloadError(
    `Line ${number} of the input is not UTF-8. Convert it (iconv -t UTF-8), or publish the whole input as bytes: --binary.`,
  )
}

function tooLong(longest: number): PayloadTooLargeError {
  return new PayloadTooLargeError(`A line of the input has more than ${longest} bytes. Is this text?`)
}
