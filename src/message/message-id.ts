/** This number of messages of one publisher have ids with the same beginning: two digits of base 36 tell them apart. */
export const STRETCH = 36 * 36

const padded = Array.from({ length: STRETCH }, (_, place) => place.toString(36).padStart(2, '0'))
const bare = padded.map((_, place) => place.toString(36))

/**
 * The common beginning of the ids of one stretch, and the end of each. V8 joins two existing strings without a copy.
 */
export class IdStretch {
  readonly beginning: string
  readonly ends: readonly string[]

  constructor(
    readonly publisher: string,
    readonly number: number,
  ) {
    this.beginning = number === 0 ? `${publisher}-` : `${publisher}-${number.toString(36)}`
    this.ends = number === 0 ? bare : padded
  }
}

let last = new IdStretch('', 0)

/** A message's id: its publisher, and its number there in base 36. */
export function messageId(publisher: string, sequence: number): string {
  const number = Math.floor(sequence / STRETCH)
  if (last.number !== number || last.publisher !== publisher) last = new IdStretch(publisher, number)
  return last.beginning + (last.ends[sequence % STRETCH] ?? '')
}

/** The publisher and the number of an id that `messageId` made. */
export function partsOf(id: string): { readonly publisher: string; readonly sequence: number } {
  const end = id.lastIndexOf('-')
  return { publisher: id.slice(0, end), sequence: Number.parseInt(id.slice(end + 1), 36) }
}
