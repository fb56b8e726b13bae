/** Up to so many bytes an ASCII text is put together here: a call of the platform's decoder costs more than that. */
const SHORT = 12
const SLOTS = 512
/** Longer texts are not likely to come again. */
const MOST_BYTES = 32

/** Texts that came lately, each in the one slot that its ends and its length give it, and beside them their bytes. */
const recent: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined)
const recentBytes = new Uint8Array(SLOTS * MOST_BYTES)

/** The text of so many bytes if it is short and plain ASCII; undefined if not. */
export function shortAscii(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length > SHORT) return undefined
  let all = 0
  for (let i = at; i < at + length; i++) all |= byteAt(bytes, i)
  if (all > 0x7f) return undefined
  if (length <= 8) return upToEight(bytes, at, length)
  return upToEight(bytes, at, 8) + upToEight(bytes, at + 8, length - 8)
}

/**
 * A key of an object: as a rule one that came before, and then this is that same text. The engine has to look up a new one
 * among all that it knows before it can be a key, which takes several times as long as all else about it.
 */
export function recentText(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length === 0 || length > MOST_BYTES) return undefined
  const slot = slotOf(bytes, at, length)
  const text = recent[slot]
  return text?.length === length && isThere(bytes, at, length, slot) ? text : undefined
}

/** It came and was not known. @returns the engine's own copy of it, by which it finds a property without a look-up */
export function rememberText(bytes: Uint8Array, at: number, length: number, text: string): string {
  // Shorter than its bytes: it is not ASCII.
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

/** One call with all of them takes a third of what it takes to add one to the other. */
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
