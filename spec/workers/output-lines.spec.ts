import { Readable } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { LONGEST_LINE, readLines } from '../../src/workers/output-lines.js'

async function linesOf(chunks: readonly Buffer[]): Promise<string[]> {
  const input = Readable.from(chunks)
  const lines: string[] = []
  readLines(input, text => lines.push(text))
  await new Promise(resolve => input.once('end', resolve))
  return lines
}

describe('readLines', () => {
  it('gives the lines of a text however it is cut into chunks, in the middle of a character too', async () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '\t') }), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(texts, fc.array(fc.nat(60)), fc.boolean(), async (lines, cuts, isWindows) => {
        const bytes = Buffer.from(lines.map(line => line + (isWindows ? '\r\n' : '\n')).join(''))
        const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i] ?? 0, end))
        expect(await linesOf(chunks)).to.deep.equal(lines)
      }),
    )
  })

  it('gives what is begun at the end, and nothing for nothing', async () => {
    expect(await linesOf([Buffer.from('a\nb')])).to.deep.equal(['a', 'b'])
    expect(await linesOf([Buffer.from('a\n')])).to.deep.equal(['a'])
    expect(await linesOf([])).to.deep.equal([])
  })

  it('cuts a line that does not end at once, and goes on with the next one', async () => {
    const much = Array.from({ length: 300 }, () => Buffer.alloc(1024 * 1024, 'x'))
    const before = process.memoryUsage().heapUsed
    const lines = await linesOf([...much, Buffer.from('\nnext\n')])
    expect(process.memoryUsage().heapUsed - before).to.be.lessThan(50_000_000)
    expect(lines).to.have.lengthOf(2)
    expect(lines[0]?.startsWith('x'.repeat(LONGEST_LINE))).to.equal(true)
    expect(lines[0]?.length).to.be.lessThan(LONGEST_LINE + 100)
    expect(lines[1]).to.equal('next')
    const exact = 'y'.repeat(LONGEST_LINE)
    expect(await linesOf([Buffer.from(`${exact}\n${exact}z\n`)])).to.deep.equal([
      exact,
      `${exact} … (longer than ${LONGEST_LINE} characters: cut)`,
    ])
  })
})
