import { Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { linesOf } from '../../src/cli/lines.js'
import { PayloadTooLargeError } from '../../src/errors.js'
import { rejection } from '../support/rejection.js'

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
})
