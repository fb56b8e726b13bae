import { LRUCache } from 'lru-cache'
import { type CharSet, normalize } from './char-set.js'

const known = new LRUCache<string, CharSet>({ max: 2_048 })
const BLOCK = 0x4000
const MAX = 0x10ffff

/** The characters of `\p{…}`, from this engine's own tables, so that both ways of matching agree by construction. */
export function propertySet(escape: string): CharSet {
  let set = known.get(escape)
  if (set === undefined) {
    set = scan(escape)
    known.set(escape, set)
  }
  return set
}

/** All code points in order, in blocks: none ends in the middle of the surrogates' border, where two would join into one. */
function scan(escape: string): CharSet {
  const runs = new RegExp(`${escape}+`, 'gu')
  const ranges: [number, number][] = []
  for (let start = 0; start <= MAX; start += BLOCK) {
    for (const part of start === 0xc000
      ? [[0xc000, 0xdbff] as const, [0xdc00, 0xffff] as const]
      : [[start, start + BLOCK - 1] as const]) {
      for (const [run] of textOf(part[0], part[1]).matchAll(runs)) {
        const low = run.codePointAt(0) ?? 0
        ranges.push([low, low + lengthOf(run, low) - 1])
      }
    }
  }
  return normalize(ranges)
}

function textOf(low: number, high: number): string {
  const chars = new Array<number>(high - low + 1)
  for (let i = 0; i < chars.length; i++) chars[i] = low + i
  let text = ''
  for (let i = 0; i < chars.length; i += 4096) text += String.fromCodePoint(...chars.slice(i, i + 4096))
  return text
}

/** In code points; a run never mixes the planes, because no block does. */
function lengthOf(run: string, low: number): number {
  return low > 0xffff ? run.length / 2 : run.length
}
