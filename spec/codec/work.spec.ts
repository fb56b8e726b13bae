import { expect } from 'chai'
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { ByteWriter } from '../../src/codec/byte-writer.js'
import { collide, hashOf } from '../../src/codec/collisions.js'
import { assertSerializable, decodePayload, encodePayload } from '../../src/codec/payload.js'
import { Kind } from '../../src/codec/value-kinds.js'
import { InvalidPayloadError, UnreadablePayloadError } from '../../src/errors.js'

const MAX = 8 * 1024 * 1024

const many = 2_000

/** Keys that all begin in the first bucket of a table of 1,024. */
function meeting<T>(make: (n: number) => T, count = many): T[] {
  const found: T[] = []
  for (let n = 0; found.length < count; n += 1) {
    const key = make(n)
    if (((hashOf(key) ?? 1) & 1_023) === 0) found.push(key)
  }
  return found
}

const colliding = meeting(n => n)

/** An array of many times the same bytes. */
function listOf(count: number, item: readonly number[]): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(Kind.Array)
  writer.varint(count)
  for (let n = 0; n < count; n += 1) for (const byte of item) writer.u8(byte)
  return writer.take()
}

function sized(kind: number, count: number, write: (writer: ByteWriter, n: number) => void): Uint8Array {
  const writer = new ByteWriter()
  writer.u8(kind)
  writer.varint(count)
  for (let n = 0; n < count; n += 1) write(writer, n)
  return writer.take()
}

const bombs: Readonly<Record<string, () => Uint8Array>> = {
  'many small arrays of holes': () => listOf(3_000, [Kind.SparseArray, 0x80, 0x08, 0]),
  'one array of holes': () => Uint8Array.of(Kind.SparseArray, 0xff, 0xff, 0xff, 0xff, 0x0f, 0),
  'many empty maps': () => listOf(100_000, [Kind.Map, 0]),
  'many empty sets': () => listOf(100_000, [Kind.Set, 0]),
  'many empty buffers': () => listOf(100_000, [Kind.Buffer, 0]),
  'many empty array buffers': () => listOf(100_000, [Kind.ArrayBuffer, 0]),
  'many empty views': () => listOf(100_000, [Kind.View, 1, 0]),
  'many empty regular expressions': () => listOf(100_000, [Kind.RegExp, Kind.String, 0, Kind.String, 0]),
  'a Set of integers that meet': () =>
    sized(Kind.Set, many, (writer, n) => {
      writer.u8(Kind.Int)
      writer.varint((colliding[n] ?? 0) * 2)
    }),
  'a Map of integers that meet': () =>
    sized(Kind.Map, many, (writer, n) => {
      writer.u8(Kind.Int)
      writer.varint((colliding[n] ?? 0) * 2)
      writer.u8(Kind.Null)
    }),
  'a very long BigInt': () => sized(Kind.BigInt, 65_537, writer => writer.u8(255)),
  'a very long regular expression': () => {
    const writer = new ByteWriter()
    writer.u8(Kind.RegExp)
    writer.tagged(Kind.String, 'a'.repeat(8_193))
    writer.tagged(Kind.String, '')
    return writer.take()
  },
}

describe('the work that a payload asks for', () => {
  for (const [what, bytes] of Object.entries(bombs))
    it(`is refused before it is done: ${what}`, () => {
      expect(() => decodePayload(bytes())).to.throw(UnreadablePayloadError)
    })

  const costly: Readonly<Record<string, () => unknown>> = {
    'an array of three million holes': () => new Array<number>(3_000_000),
    'many arrays of a thousand holes': () => Array.from({ length: 3_000 }, () => new Array<number>(1_000)),
    'a Set of integers that meet': () => new Set(colliding),
    'a Map of integers that meet': () => new Map(colliding.map(key => [key, 1])),
    'a very long BigInt': () => 1n << 600_000n,
    'a negative one inside': () => ({ n: -(1n << 600_000n) }),
    'a very long regular expression': () => [new RegExp('a'.repeat(9_000))],
    'many empty maps': () => Array.from({ length: 100_000 }, () => new Map()),
  }
  for (const [what, make] of Object.entries(costly))
    it(`is refused at publish, with and without a host: ${what}`, () => {
      const value = make()
      expect(() => assertSerializable(value, MAX)).to.throw(InvalidPayloadError, /readers/)
      expect(() => encodePayload(value)).to.throw(InvalidPayloadError, /readers/)
    })

  it('large but honest values pass', () => {
    const honest = [
      Array.from({ length: 5_000 }, (_, n) => ({
        n,
        tags: new Set(['a']),
        at: new Date(n),
        near: [n, n + 1],
      })),
      new Set(Array.from({ length: 50_000 }, (_, n) => n * 1_024)),
      new Map(Array.from({ length: 50_000 }, (_, n) => [n + 0.5, `${n}`])),
      new Set(Array.from({ length: 5_000 }, (_, n) => BigInt(n) << 30n)),
      Array.from({ length: 2_000 }, (_, n) => new Error(`number ${n}`)),
      Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [n * 1_000, n])),
      new Array<number>(5_000),
      Array.from({ length: 5_000 }, (_, n) => ({ ip: Uint8Array.of(10, 0, n >> 8, n & 255) })),
      Array.from({ length: 10_000 }, (_, n) => [n, new Uint16Array(2), new Uint8Array(0)]),
      Array.from({ length: 20_000 }, () => new Set(['r'])),
      Array.from({ length: 5_000 }, () => /a/u),
      Array.from({ length: 9_364 }, () => new Array<number>(20)),
      Array.from({ length: 1_500 }, (_, n) => ({ [`${n * 37}`]: n })),
    ]
    for (const value of honest) {
      assertSerializable(value, MAX)
      expect(isDeepStrictEqual(decodePayload(encodePayload(value)), value)).to.equal(true)
    }
  })

  it('leaves the stack traces of the process as they were', () => {
    const { stackTraceLimit } = Error
    decodePayload(encodePayload([new Error('a'), new RangeError('b')]))
    expect(Error.stackTraceLimit).to.equal(stackTraceLimit)
  })

  it('is the same for writers and readers: a published payload can be read', () => {
    const value = fc.letrec(tie => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(1, 'text', null, 2n ** 70n),
        fc.nat(600_000).map(length => new Array(length) as unknown[]),
        fc.array(tie('any'), { maxLength: 40 }),
        fc.array(tie('any'), { maxLength: 40 }).map(items => new Set(items)),
        fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 40 }).map(entries => new Map(entries)),
        fc.dictionary(fc.nat(5_000).map(String), tie('any'), { maxKeys: 20 }),
      ),
    })).any
    let refused = 0
    fc.assert(
      fc.property(value, each => {
        let bytes: Uint8Array | undefined
        try {
          bytes = encodePayload(each)
        } catch (error) {
          expect(error).to.be.instanceOf(InvalidPayloadError)
          refused += 1
        }
        if (bytes === undefined) expect(() => assertSerializable(each, MAX)).to.throw(InvalidPayloadError)
        else {
          assertSerializable(each, MAX)
          decodePayload(bytes)
        }
      }),
    )
    expect(refused).to.be.above(0)
  })
})

describe('keys that meet in one place of a table', () => {
  it('are distinguished from honest keys', () => {
    expect(collide(colliding)).to.equal(true)
    expect(collide(Array.from({ length: many }, (_, n) => n))).to.equal(false)
    expect(collide(Array.from({ length: many }, (_, n) => n * 65_536))).to.equal(false)
    expect(collide(Array.from({ length: many }, (_, n) => n / 3))).to.equal(false)
    expect(collide(Array.from({ length: many }, (_, n) => BigInt(n) << 40n))).to.equal(false)
    expect(collide(Array.from({ length: many }, (_, n) => `${n}`))).to.equal(false)
  })

  it('are found among doubles and among BigInts whose low digits are alike', () => {
    expect(collide(Array.from({ length: many }, (_, n) => (BigInt(n) << 64n) + 7n))).to.equal(true)
    expect(collide(meeting(n => n + 0.5, 300))).to.equal(true)
    expect(collide(meeting(n => BigInt(n) << 40n, 300))).to.equal(true)
  })
})
