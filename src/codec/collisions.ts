/**
 * V8 hashes the numbers among the keys of a Map and a Set by functions without a secret (src/utils/utils.h,
 * ComputeUnseededHash and ComputeLongHash). An attacker can choose keys that all collide in one bucket: 65,000 of them
 * take ten seconds. The hashes of texts and objects have secrets.
 */

/** On average a bucket has two keys. Honest numbers have some more; chosen ones are all in one. */
const MOST = 64

/** Whether so many numbers among these keys collide that a table of them would be slow. */
export function collide(keys: readonly unknown[]): boolean {
  const mask = buckets(keys.length) - 1
  const counts = new Uint32Array(mask + 1)
  let steps = 0
  for (const key of keys) {
    const hash = hashOf(key)
    if (hash === undefined) continue
    const count = (counts[hash & mask] ?? 0) + 1
    counts[hash & mask] = count
    steps += count
    if (steps > keys.length * MOST) return true
  }
  return false
}

/** V8's tables have a power of two of places, and a bucket for two of them. */
function buckets(size: number): number {
  let places = 4
  while (places < size) places *= 2
  return places / 2
}

/** The engine's hash of a number or BigInt; undefined for a key whose hash has a secret. */
export function hashOf(key: unknown): number | undefined {
  if (typeof key === 'number') {
    if ((key | 0) === key) return hashOfInt(key)
    oneFloat[0] = key
    return hashOfLong(twoInts[1] ?? 0, twoInts[0] ?? 0)
  }
  if (typeof key !== 'bigint') return undefined
  const digit = BigInt.asUintN(64, key < 0n ? -key : key)
  return hashOfLong(Number(digit >> 32n) | 0, Number(digit & 0xffff_ffffn) | 0)
}

const oneFloat = new Float64Array(1)
/** Its halves: the low one first, as on every machine that V8 runs on today. */
const twoInts = new Int32Array(oneFloat.buffer)

function hashOfInt(key: number): number {
  let hash = ~key + (key << 15)
  hash ^= hash >>> 12
  hash = (hash + (hash << 2)) | 0
  hash ^= hash >>> 4
  hash = Math.imul(hash, 2057)
  return (hash ^ (hash >>> 16)) & 0x3fff_ffff
}

/** On 64 bits: `high` and `low` are halves of one number, in which each step carries over. */
function hashOfLong(high: number, low: number): number {
  // hash = ~hash + (hash << 18)
  let [h, l] = plus(~high, ~low, (high << 18) | (low >>> 14), low << 18)
  // hash ^= hash >> 31
  ;[h, l] = [h ^ (h >>> 31), l ^ ((h << 1) | (l >>> 31))]
  // hash *= 21, which is hash + (hash << 2) + (hash << 4)
  const [h5, l5] = plus(h, l, (h << 2) | (l >>> 30), l << 2)
  ;[h, l] = plus(h5, l5, (h << 4) | (l >>> 28), l << 4)
  // hash ^= hash >> 11
  ;[h, l] = [h ^ (h >>> 11), l ^ ((h << 21) | (l >>> 11))]
  // hash += hash << 6
  ;[h, l] = plus(h, l, (h << 6) | (l >>> 26), l << 6)
  // hash ^= hash >> 22
  return (l ^ ((h << 10) | (l >>> 22))) & 0x3fff_ffff
}

function plus(high: number, low: number, otherHigh: number, otherLow: number): [number, number] {
  const sum = (low >>> 0) + (otherLow >>> 0)
  return [(high + otherHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0, sum | 0]
}
