import type { ByteReader } from '../../codec/byte-reader.js'
import type { ByteWriter } from '../../codec/byte-writer.js'
import { beginFrame } from './frames.js'

/** The outcome of one delivery that was not simply acked in its turn. */
export type Verdict =
  | { readonly number: number; readonly verdict: 'ack' | 'release' | 'untouched' | 'abandon' }
  | { readonly number: number; readonly verdict: 'reject'; readonly error: string }
  | {
      readonly number: number
      readonly verdict: 'fail'
      readonly error: string
      readonly delay: number | undefined
      readonly attempts: number | undefined
    }

export interface Settlement {
  readonly subscription: number
  /** All deliveries up to this one without a verdict, now or earlier, are acked. */
  readonly through: number
  /** The last delivery that the consumer holds unsettled after its `next` returned: it dies with the consumer. */
  readonly handed: number
  readonly verdicts: readonly Verdict[]
}

const names = ['ack', 'release', 'untouched', 'reject', 'fail', 'abandon'] as const
const DELAY = 1
const ATTEMPTS = 2
/** Errors are for people, so a very long text is cut. */
const MOST_ERROR = 2_000

export function writeSettlement(
  writer: ByteWriter,
  { subscription, through, handed, verdicts }: Settlement,
): void {
  if (writer.length === 0) beginFrame(writer)
  writer.varint(subscription)
  writer.varint(through)
  writer.varint(handed)
  writer.varint(verdicts.length)
  for (const verdict of verdicts) {
    writer.u8(names.indexOf(verdict.verdict))
    writer.varint(verdict.number)
    if (verdict.verdict === 'reject') writer.string(short(verdict.error))
    if (verdict.verdict !== 'fail') continue
    const { error, delay, attempts } = verdict
    writer.string(short(error))
    writer.u8((delay === undefined ? 0 : DELAY) | (attempts === undefined ? 0 : ATTEMPTS))
    if (delay !== undefined) writer.f64(delay)
    if (attempts !== undefined) writer.varint(attempts)
  }
}

export function* readSettlements(reader: ByteReader): Generator<Settlement> {
  while (reader.remaining > 0) {
    const subscription = reader.varint()
    const through = reader.varint()
    const handed = reader.varint()
    const count = reader.count(2)
    const verdicts: Verdict[] = []
    for (let i = 0; i < count; i++) verdicts.push(readVerdict(reader))
    yield { subscription, through, handed, verdicts }
  }
}

function readVerdict(reader: ByteReader): Verdict {
  const verdict = names[reader.u8()]
  const number = reader.varint()
  switch (verdict) {
    case 'ack':
    case 'release':
    case 'untouched':
    case 'abandon':
      return { number, verdict }
    case 'reject':
      return { number, verdict, error: reader.string() }
    case 'fail':
      return { number, verdict, ...readFailure(reader) }
    default:
      throw reader.fail('holds an unknown verdict')
  }
}

function readFailure(reader: ByteReader) {
  const error = reader.string()
  const flags = reader.u8()
  const delay = (flags & DELAY) === 0 ? undefined : reader.f64()
  const attempts = (flags & ATTEMPTS) === 0 ? undefined : reader.varint()
  if (delay !== undefined && !(delay >= 0)) throw reader.fail('holds a delay below zero')
  return { error, delay, attempts }
}

function short(text: string): string {
  return text.length > MOST_ERROR ? `${text.slice(0, MOST_ERROR)} …` : text
}
