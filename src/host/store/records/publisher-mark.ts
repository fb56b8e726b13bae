import { StoreDamagedError } from '../../../errors.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { WireError } from '../../../wire/frames/control-frames.js'

/** A publisher's last message, and those of its refused publishes that it does not know of yet. */
export interface PublisherMark {
  readonly through: number
  readonly refused: ReadonlyMap<number, WireError>
}

/** Consecutive publishes that were refused for the same reason. */
type Range = readonly [from: number, to: number, code: string, text: string]

/** A publisher has no more than a few frames on their way. */
const MOST_RANGES = 1_000

const nothing: ReadonlyMap<number, WireError> = new Map()

export const noMark: PublisherMark = { through: 0, refused: nothing }

/** Mostly one number. */
export function encodeMark({ through, refused }: PublisherMark): Uint8Array {
  return encodePayload(refused.size === 0 ? through : { through, refused: rangesOf(refused) })
}

/** @throws StoreDamagedError */
export function decodeMark(bytes: Uint8Array): PublisherMark {
  const value = decodePayload(bytes)
  if (typeof value === 'number') return { through: value, refused: nothing }
  const { through, refused: ranges } = (value ?? {}) as { through?: unknown; refused?: unknown }
  if (typeof through !== 'number' || !Array.isArray(ranges))
    throw new StoreDamagedError('A publisher’s mark in the store is damaged.')
  const refused = new Map<number, WireError>()
  for (const [from, to, code, text] of ranges as Range[])
    for (let sequence = from; sequence <= to; sequence += 1) refused.set(sequence, { code, text })
  return { through, refused }
}

function rangesOf(refused: PublisherMark['refused']): Range[] {
  const ranges: Range[] = []
  let last: Range | undefined
  for (const [sequence, { code, text }] of [...refused].sort(([a], [b]) => a - b)) {
    const [from, to, lastCode, lastText] = last ?? [0, -1, '', '']
    if (sequence === to + 1 && code === lastCode && text === lastText) {
      last = [from, sequence, code, text]
      ranges[ranges.length - 1] = last
    } else ranges.push((last = [sequence, sequence, code, text]))
  }
  return ranges.slice(-MOST_RANGES)
}
