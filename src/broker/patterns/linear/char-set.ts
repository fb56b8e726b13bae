/** A set of characters as sorted, disjoint, non-adjacent ranges: [low, high, low, high, …]. */
export type CharSet = readonly number[]

export const digits: CharSet = [0x30, 0x39]
export const wordCharacters: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
export const lineTerminators: CharSet = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029]
/** The characters of JavaScript's \s, which are more than RE2's. */
export const spaces: CharSet = [
  0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f,
  0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff,
]

/** Makes a set of ranges in any order, which may overlap. */
export function normalize(ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const set: number[] = []
  let last = -2
  for (const [low, high] of sorted) {
    if (low <= last + 1) {
      if (high > last) set[set.length - 1] = last = high
    } else {
      set.push(low, high)
      last = high
    }
  }
  return set
}

export function* rangesOf(set: CharSet): Generator<readonly [number, number]> {
  for (let i = 0; i + 1 < set.length; i += 2) yield [set[i] ?? 0, set[i + 1] ?? 0]
}

export function union(sets: readonly CharSet[]): CharSet {
  const only = sets[0]
  return sets.length === 1 && only !== undefined ? only : normalize(sets.flatMap(set => [...rangesOf(set)]))
}

/** Every character from 0 to `max` that is not in the set. */
export function complement(set: CharSet, max: number): CharSet {
  const rest: number[] = []
  let next = 0
  for (const [low, high] of rangesOf(set)) {
    if (low > next) rest.push(next, low - 1)
    next = high + 1
  }
  if (next <= max) rest.push(next, max)
  return rest
}

export function intersection(a: CharSet, b: CharSet, max: number): CharSet {
  return complement(union([complement(a, max), complement(b, max)]), max)
}

export function contains(set: CharSet, char: number): boolean {
  let low = 0
  let high = set.length / 2
  while (low < high) {
    const middle = (low + high) >> 1
    if (char > (set[middle * 2 + 1] ?? 0)) low = middle + 1
    else high = middle
  }
  return low * 2 < set.length && char >= (set[low * 2] ?? 0)
}

export function sizeOf(set: CharSet): number {
  let size = 0
  for (const [low, high] of rangesOf(set)) size += high - low + 1
  return size
}
