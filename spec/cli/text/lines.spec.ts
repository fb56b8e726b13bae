import { Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { linesOf } from '../../../src/cli/text/lines.js'
import { InvalidPayloadError, PayloadTooLargeError } from '../../../src/errors.js'
import { rejection } from '../../support/rejection.js'

describe('the lines of standard input', () => {
  const read = async (chunks: readonly Uint8Array[], longest = 1e6): Promise<string[]> => {
    const lines: string[] = []
    for await (const lot of linesOf(Readable.from(chunks, { objectMode: false }), longest)) lines.push(...lot)
    return lines
  }

  it('are the same however they are cut into chunks, in the middle of a character too', async () => {
    const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', ' ', '') }), {
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (parts, size) => {
        const bytes = Buffer.from(parts.join(''))
        const chunks: Buffer[] = []
        for (let at = 0; at < bytes.length;) {
          chunks.push(bytes.subarray(at, (at += size)))
        }
        const expected = parts.join('').split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(await read(chunks)).to.deep.equal(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('lose a carriage return at their end', async () => {
    expect(await read([Buffer.from('a\r\nb\rc\r'), Buffer.from('\nd')])).to.deep.equal(['a', 'b\rc', 'd'])
  })

  it('have a limit: input without line breaks does not fill the memory', async () => {
    const error = await rejection(read([Buffer.alloc(60, 'x'), Buffer.alloc(60, 'x')], 100))
    expect(error).to.be.instanceOf(PayloadTooLargeError)
  })

  it('have no byte order mark at the beginning; it is text elsewhere', async () => {
    expect(await read([Buffer.from('\ufeffa\n\ufeffb')])).to.deep.equal(['a', '\ufeffb'])
    // Cut in its middle.
    expect(await read([Buffer.from([0xef, 0xbb]), Buffer.from([0xbf, 0x61])])).to.deep.equal(['a'])
    expect(await read([Buffer.from('a\n'), Buffer.from('\ufeffb\n')])).to.deep.equal(['a', '\ufeffb'])
  })

  it('are an error with their number if they are not UTF-8, after the lines before them', async () => {
    for (const size of [1, 2, 100]) {
      const bytes = Buffer.concat([
        Buffer.from('é\n\nok\n'),
        Buffer.from([0x66, 0xfc, 0x72, 0x0a]),
        Buffer.from('x\n'),
      ])
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      const lines: string[] = []
      const reading = (async () => {
        for await (const lot of linesOf(Readable.from(chunks, { objectMode: false }), 1e6)) lines.push(...lot)
      })()
      const error = await rejection(reading)
      expect(error).to.be.instanceOf(InvalidPayloadError)
      expect(error.message).to.match(/^Line 4 of the input is not UTF-8\./)
      expect(lines).to.deep.equal(['é', '', 'ok'])
    }
    // A character that the end of the input cuts off, and UTF-16.
    expect((await rejection(read([Buffer.from([0x61, 0x0a, 0xc3])]))).message).to.match(/^Line 2 /)
    expect((await rejection(read([Buffer.from('\ufeffab\n', 'utf16le')]))).message).to.match(/^Line 1 /)
  })
})
