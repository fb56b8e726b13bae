import { deepStrictEqual } from 'node:assert'
import { deserialize, serialize } from 'node:v8'
import { decodePayload, encodePayload } from '../src/codec/payload.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How fast is the payload codec beside others? Each encodes and decodes the same values, one payload at a time.

const ROUND_MS = quick ? 20 : 150

interface Codec {
  readonly name: string
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

interface Packer {
  encode(value: unknown): Uint8Array
  decode(bytes: Uint8Array): unknown
}

type PackerModule = Readonly<Record<string, unknown>>

/** A codec that an npm package has, or undefined if the package is not installed: then the bench says so. */
async function fromPackage(name: string, className: string): Promise<Codec | undefined> {
  let module: PackerModule
  try {
    module = (await import(name)) as PackerModule
  } catch {
    console.log(`  ${name} is not installed: left out`)
    return undefined
  }
  const Kind = module[className] as new (options: object) => Packer
  // Without shared structures: each payload stands alone, as a message does.
  const packer = new Kind({ useRecords: false, structuredClone: true, moreTypes: true })
  return { name, encode: value => packer.encode(value), decode: bytes => packer.decode(bytes) }
}

const text = new TextEncoder()
const reader = new TextDecoder()

const all: readonly (Codec | undefined)[] = [
  { name: 'msgvan', encode: encodePayload, decode: bytes => decodePayload(bytes) },
  await fromPackage('msgpackr', 'Packr'),
  await fromPackage('cbor-x', 'Encoder'),
  { name: 'node:v8', encode: serialize, decode: bytes => deserialize(bytes) as unknown },
  {
    name: 'JSON',
    encode: value => text.encode(JSON.stringify(value)),
    decode: bytes => JSON.parse(reader.decode(bytes)) as unknown,
  },
]
const codecs = all.filter(codec => codec !== undefined)

/** Values that JSON can carry too, so that all codecs do the same work. */
const makers: Readonly<Record<string, (id: number) => unknown>> = {
  'Small objects': id => ({
    id,
    source: 'shop-7',
    total: id * 1.25,
    name: `order ${id}`,
    isPaid: id % 2 === 0,
  }),
  'Lists of 100 numbers': id => Array.from({ length: 100 }, (_, at) => id + at * 3),
  'Nested objects of about 1 KiB': id => ({
    id,
    lines: Array.from({ length: 20 }, (_, at) => ({
      sku: `sku-${id}-${at}`,
      count: at,
      price: at * 0.5,
      note: null,
    })),
    address: { street: 'Straße der Vögel 12', city: 'Zürich', zip: '8001', tags: ['a', 'b', 'c'] },
  }),
}

/** Runs `work` over the values in turn for one round, and counts the calls that really happened. */
function rateOf<T>(values: readonly T[], work: (value: T) => unknown): number {
  const began = performance.now()
  let count = 0
  let last: unknown
  do {
    for (const value of values) last = work(value)
    count += values.length
  } while (performance.now() - began < ROUND_MS)
  const seconds = (performance.now() - began) / 1_000
  if (last === undefined || count % values.length !== 0) throw new Error('a codec returned nothing')
  return count / seconds
}

printHead('The payload codec: payloads a second in one process')
for (const [title, make] of Object.entries(makers)) {
  const values = Array.from({ length: 256 }, (_, id) => make(id))
  const prepared = codecs.map(codec => ({
    codec,
    // Copied: a codec may reuse its buffer.
    encoded: values.map(value => Uint8Array.from(codec.encode(value))),
  }))
  let checked = 0
  for (const { codec, encoded } of prepared)
    for (const [at, bytes] of encoded.entries()) {
      deepStrictEqual(codec.decode(bytes), values[at], `${codec.name} changed a payload`)
      checked += 1
    }
  if (checked !== values.length * codecs.length) throw new Error(`only ${checked} payloads were checked`)

  const bytesOf = prepared.map(
    ({ codec, encoded }) =>
      `${codec.name} ${Math.round(encoded.reduce((sum, { length }) => sum + length, 0) / encoded.length)}`,
  )
  console.log(`${title}; ${checked} decoded and compared; bytes each: ${bytesOf.join(', ')}`)
  console.log('encode')
  printRates(
    await interleave(
      prepared.map(({ codec }) => ({
        name: codec.name,
        round: () => Promise.resolve(rateOf(values, value => codec.encode(value))),
      })),
    ),
  )
  console.log('decode')
  printRates(
    await interleave(
      prepared.map(({ codec, encoded }) => ({
        name: codec.name,
        round: () => Promise.resolve(rateOf(encoded, bytes => codec.decode(bytes))),
      })),
    ),
  )
  console.log()
}
