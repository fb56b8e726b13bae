import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { Output } from '../../../src/cli/text/output.js'

/** A line break, an escape sequence, C1, DEL, a line separator, a mark that turns the direction of writing. */
const HOSTILE = 'a\nb\r\u001b[2J\u009b31m\u007f\u2028\u202e\u200f'
const SHOWN = 'a\\nb\\r\\x1b[2J\\x9b31m\\x7f\\u2028\\u202e\\u200f'

async function written(write: (output: Output) => Promise<void>): Promise<string> {
  const stream = new PassThrough()
  const output = new Output(stream)
  await write(output)
  return String(stream.read())
}

describe('the output of a command', () => {
  it('shows a line as one line, which steers no terminal', async () => {
    expect(await written(output => output.line(HOSTILE))).to.equal(`${SHOWN}\n`)
    expect(await written(output => output.line('a\tb é 🙂'))).to.equal('a\\tb é 🙂\n')
  })

  it('shows several lines, and a screen, in the same way', async () => {
    expect(await written(output => output.lines([HOSTILE, 'x']))).to.equal(`${SHOWN}\nx\n`)
    expect(await written(output => output.screen([HOSTILE], false))).to.equal(`${SHOWN}\n\n`)
    expect(await written(output => output.screen([HOSTILE], true))).to.equal(`\u001b[H\u001b[J${SHOWN}\n`)
  })

  it('shows JSON with the same meaning, and printable', async () => {
    const text = await written(output => output.json(JSON.stringify([HOSTILE]), '1'))
    expect(text).to.equal('["a\\nb\\r\\u001b[2J\\u009b31m\\u007f\\u2028\\u202e\\u200f"]\n1\n')
    expect(JSON.parse(text.split('\n')[0] ?? '')).to.deep.equal([HOSTILE])
  })

  it('passes raw bytes through', async () => {
    expect(await written(output => output.raw(HOSTILE))).to.equal(HOSTILE)
  })
})
