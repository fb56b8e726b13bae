import { type CharSet, contains, normalize, rangesOf, sizeOf } from './char-set.js'

/** The other characters that `i` takes for the same, for each character that has any. */
type CaseTable = ReadonlyMap<number, readonly number[]>

let legacyTable: CaseTable | undefined
let unicodeTable: CaseTable | undefined

/** The set, and all characters that differ from a member of it only by case, as `i` sees it with or without `u`. */
export function closeOverCase(set: CharSet, unicode: boolean): CharSet {
  const table = unicode ? (unicodeTable ??= buildUnicodeTable()) : (legacyTable ??= buildLegacyTable())
  const ranges = [...rangesOf(set)]
  const add = (char: number) => {
    for (const other of table.get(char) ?? []) ranges.push([other, other])
  }
  if (sizeOf(set) < table.size) {
    for (const [low, high] of rangesOf(set)) for (let char = low; char <= high; char++) add(char)
  } else {
    for (const char of table.keys()) if (contains(set, char)) add(char)
  }
  return normalize(ranges)
}

/** ECMAScript's Canonicalize without `u`: by toUpperCase of one code unit, never from beyond ASCII into it. */
function buildLegacyTable(): CaseTable {
  const groups = new Map<number, number[]>()
  for (let unit = 0; unit <= 0xffff; unit++) {
    const upper = String.fromCharCode(unit).toUpperCase()
    const canonical = upper.charCodeAt(0)
    if (upper.length > 1 || canonical === unit || (unit >= 128 && canonical < 128)) continue
    const group = groups.get(canonical)
    if (group === undefined) groups.set(canonical, [canonical, unit])
    else group.push(unit)
  }
  return tableOf(groups.values())
}

/**
 * Simple case folding, which JavaScript has inside RegExp only. Groups characters that may be equal by their full case
 * mappings, then asks the engine itself which of them are.
 */
function buildUnicodeTable(): CaseTable {
  const groups = new Map<string, number[]>()
  const cased = /[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]/u
  for (let char = 0; char <= 0x1ffff; char++) {
    const text = String.fromCodePoint(char)
    if (!cased.test(text)) continue
    const key = text.toLowerCase().toUpperCase().toLowerCase()
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [char])
    else group.push(char)
  }
  return tableOf([...groups.values()].flatMap(splitByEngine))
}

function splitByEngine(candidates: number[]): number[][] {
  const [first, ...rest] = candidates
  if (first === undefined || rest.length === 0) return []
  const same = new RegExp(`^\\u{${first.toString(16)}}$`, 'iu')
  const equal = (char: number) => same.test(String.fromCodePoint(char))
  return [[first, ...rest.filter(equal)], ...splitByEngine(rest.filter(char => !equal(char)))]
}

function tableOf(groups: Iterable<number[]>): CaseTable {
  const table = new Map<number, readonly number[]>()
  for (const group of groups) {
    if (group.length < 2) continue
    for (const char of group)
      table.set(
        char,
        group.filter(other => other !== char),
      )
  }
  return table
}
