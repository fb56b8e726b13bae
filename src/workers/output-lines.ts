import { StringDecoder } from 'node:string_decoder'
import type { Readable } from 'node:stream'

/** The longest part of a worker's line that is kept, in characters: a line may have no end. */
export const LONGEST_LINE = 32 * 1024

const NEWLINE = 10
const CUT = ` … (longer than ${LONGEST_LINE} characters: cut)`

/** Splits a worker's output into lines, and holds no more than one of them. */
export function readLines(input: Readable, line: (text: string) => void): void {
  let decoder = new StringDecoder('utf8')
  let begun = ''
  let isCut = false

  const add = (bytes: Buffer): void => {
    if (isCut) return
    const room = LONGEST_LINE - begun.length
    begun += decoder.write(bytes.subarray(0, room + 1))
    if (begun.length <= LONGEST_LINE) return
    isCut = true
    line(begun.slice(0, LONGEST_LINE) + CUT)
  }
  const finish = (): void => {
    if (!isCut) {
      const text = begun + decoder.end()
      line(text.endsWith('\r') ? text.slice(0, -1) : text)
    }
    decoder = new StringDecoder('utf8')
    begun = ''
    isCut = false
  }

  input.on('data', (chunk: Buffer) => {
    let at = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      add(chunk.subarray(at, end))
      finish()
      at = end + 1
    }
    if (at < chunk.length) add(chunk.subarray(at))
  })
  input.once('end', () => {
    if (begun !== '') finish()
  })
}
