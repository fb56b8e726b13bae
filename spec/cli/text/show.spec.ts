import { expect } from 'chai'
import fc from 'fast-check'
import { PassThrough } from 'node:stream'
import { Output } from '../../../src/cli/text/output.js'
import { deadLetterLine, deadLetterLines, messageLine, toJson } from '../../../src/cli/text/show.js'

describe('any payload as JSON', () => {
  const inside: Record<string, unknown> = { a: 1 }
  inside['self'] = inside

  const cases: readonly [string, unknown, unknown][] = [
    ['text', 'héllo\n', 'héllo\n'],
    ['undefined', undefined, null],
    ['a BigInt', 12345678901234567890n, '12345678901234567890'],
    ['a Date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a Date that is none', new Date(NaN), 'Invalid Date'],
    ['bytes', Buffer.from('hi'), 'aGk='],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer, 'AQI='],
    ['a DataView', new DataView(new Uint8Array([1, 2, 3]).buffer, 1), 'AgM='],
    ['numbers in a typed array', new Float32Array([1, NaN]), [1, 'NaN']],
    ['BigInts in a typed array', new BigInt64Array([-1n]), ['-1']],
    ['a Map by text', new Map([['a', new Set([1n])]]), { a: ['1'] }],
    ['a Map by anything', new Map([[1, 'a']]), [[1, 'a']]],
    [
      'what JSON turns into null',
      [NaN, Infinity, -Infinity, undefined],
      ['NaN', 'Infinity', '-Infinity', null],
    ],
    ['an Error', new TypeError('no'), { name: 'TypeError', message: 'no' }],
    ['a RegExp', /a/g, '/a/g'],
    ['itself inside', inside, { a: 1, self: '[Circular]' }],
    ['a key called __proto__', JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
    ['the same twice, which is no circle', [[cases_shared()], [cases_shared()]], [[{ s: 1 }], [{ s: 1 }]]],
  ]
  function cases_shared(): unknown {
    return { s: 1 }
  }
  for (const [name, value, expected] of cases) {
    it(name, () => expect(JSON.parse(toJson(value))).to.deep.equal(expected))
  }

  it('a payload of any depth is one line of JSON', () => {
    let deep: unknown = 1
    for (let i = 0; i < 20_000; i++) deep = [deep]
    expect(typeof JSON.parse(toJson(deep))).to.equal('string')
  })

  it('a payload of any kind is one line of JSON, and plain values come back', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        value => {
          const json = toJson(value)
          expect(json).to.not.contain('\n')
          JSON.parse(json)
        },
      ),
    )
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(toJson(value)).to.equal(JSON.stringify(value))
      }),
    )
  })
})

describe('lines for people', () => {
  const HOSTILE = 'a\nb\tc\u001b\u007f\u0085\u2028\u202e'
  const SHOWN = 'a\\nb\\tc\\x1b\\x7f\\x85\\u2028\\u202e'
  const payload = { [HOSTILE]: [HOSTILE] }
  const letter = {
    id: 'i',
    topic: HOSTILE,
    payload,
    headers: { h: HOSTILE },
    subscription: HOSTILE,
    attempts: 2,
    error: HOSTILE,
    firstAt: 0,
    lastAt: 0,
  }
  /** As commands write them. */
  const printed = async (...lines: string[]): Promise<string> => {
    const stream = new PassThrough()
    await new Output(stream).lines(lines)
    return String(stream.read())
  }

  it('have JSON that is valid, whatever is in it', async () => {
    const line = await printed(messageLine({ topic: 't', payload }))
    expect(JSON.parse(line.slice(2))).to.deep.equal(payload)
    const lines = (await printed(...deadLetterLines(letter))).split('\n')
    const field = (name: string) => lines.find(each => each.startsWith(name))?.slice(14)
    expect(JSON.parse(field('payload') ?? '')).to.deep.equal(payload)
    expect(JSON.parse(field('headers') ?? '')).to.deep.equal(letter.headers)
  })

  it('have the same escapes wherever text stands', async () => {
    const shown = `${SHOWN} ${SHOWN}`
    expect(await printed(messageLine({ topic: HOSTILE, payload: HOSTILE }))).to.equal(`${shown}\n`)
    expect(await printed(deadLetterLine(letter))).to.equal(
      `i 1970-01-01T00:00:00.000Z ${shown} failed 2 times: ${SHOWN}\n`,
    )
    expect(await printed(...deadLetterLines(letter))).to.contain(`error         ${SHOWN}\n`)
  })
})
