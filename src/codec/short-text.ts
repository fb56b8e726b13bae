/** Up to this number of bytes an ASCII text is put together here: a call of the platform's decoder costs more. */
const SHORT = 12
const SLOTS = 512
/** Longer texts rarely come again. */
const MOST_BYTES = 32

/** Recent texts, each in the one slot that its ends and its length give it, with their bytes beside them. */
const recent: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined)
const recentBytes = new Uint8Array(SLOTS * MOST_BYTES)

/** A short plain ASCII text; undefined for any other. */
export function shortAscii(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length > SHORT) return undefined
  let all = 0
  for (let i = at; i < at + length; i++) all |= byteAt(bytes, i)
  if (all > 0x7f) return undefined
  if (length <= 8) return upToEight(bytes, at, length)
  return upToEight(bytes, at, 8) + upToEight(bytes, at + 8, length - 8)
}

/**
 * A key of an object. It returns the same text as before if it came before, which is the rule. The engine has to look
 * up a new text among all its texts before it can be a key, which takes several times as long as all the rest.
 */
export function recentText(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length === 0 || length > MOST_BYTES) return undefined
  const slot = slotOf(bytes, at, length)
  const text = recent[slot]
  return text?.length === length && isThere(bytes, at, length, slot) ? text : undefined
}

/**
 * A new text.
 *
 * @returns the engine's own copy of it, which finds a property without a look-up
 */
export function rememberText(bytes: Uint8Array, at: number, length: number, text: string): string {
  // Shorter than its bytes, so it is not ASCII.
  if (length === 0 || length > MOST_BYTES || text.length !== length) return text
  const slot = slotOf(bytes, at, length)
  const own = Object.keys({ [text]: 0 })[0] ?? text
  recent[slot] = own
  for (let i = 0; i < length; i++) recentBytes[slot * MOST_BYTES + i] = byteAt(bytes, at + i)
  return own
}

function slotOf(bytes: Uint8Array, at: number, length: number): number {
  const ends = byteAt(bytes, at) * 7 + byteAt(bytes, at + length - 1) * 113
  return (length * 31 + ends + byteAt(bytes, at + (length >> 1))) & (SLOTS - 1)
}

function isThere(bytes: Uint8Array, at: number, length: number, slot: number): boolean {
  const from = slot * MOST_BYTES
  for (let i = 0; i < length; i++) if (recentBytes[from + i] !== bytes[at + i]) return false
  return true
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0x80
}

/** One call with all of them takes a third of the time of adding them one by one. */
function upToEight(bytes: Uint8Array, at: number, length: number): string {
  const a = byteAt(bytes, at)
  if (length < 2) return length === 0 ? '' : String.fromCharCode(a)
  const b = byteAt(bytes, at + 1)
  if (length === 2) return String.fromCharCode(a, b)
  const c = byteAt(bytes, at + 2)
  if (length === 3) return String.fromCharCode(a, b, c)
  const d = byteAt(bytes, at + 3)
  if (length === 4) return String.fromCharCode(a, b, c, d)
  const e = byteAt(bytes, at + 4)
  if (length === 5) return String.fromCharCode(a, b, c, d, e)
  const f = byteAt(bytes, at + 5)
  if (length === 6) return String.fromCharCode(a, b, c, d, e, f)
  const g = byteAt(bytes, at + 6)
  if (length === 7) return String.fromCharCode(a, b, c, d, e, f, g)
  return String.fromCharCode(a, b, c, d, e, f, g, byteAt(bytes, at + 7))
}
