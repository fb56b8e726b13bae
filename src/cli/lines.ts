import type { Readable } from 'node:stream'
import { PayloadTooLargeError } from '../errors.js'

/**
 * The lines of a text stream, without their line breaks, in the lots in which they come. Reads no further than it is
 * asked to. What stands after the last line break is a line too, unless it is nothing.
 *
 * @throws PayloadTooLargeError at a line of more than `longest` characters
 */
export async function* linesOf(stream: Readable, longest: number): AsyncGenerator<string[]> {
  stream.setEncoding('utf8')
  let rest = ''
  for await (const chunk of stream as AsyncIterable<string>) {
    const lines = chunk.split('\n')
    lines[0] = rest + (lines[0] ?? '')
    rest = lines.pop() ?? ''
    if (rest.length > longest) throw tooLong(longest)
    if (lines.length > 0) yield lines.map(withoutReturn)
  }
  if (rest !== '') yield [withoutReturn(rest)]
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}

function tooLong(longest: number): PayloadTooLargeError {
  return new PayloadTooLargeError(`A line of the input has more than ${longest} characters. Is this text?`)
}
