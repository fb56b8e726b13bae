import type { CharSet } from './char-set.js'

/** An instruction is three numbers: one of these, and two arguments. The next one follows unless it says otherwise. */
export const Op = {
  /** Takes a character of the set with number x. */
  Set: 0,
  /** Goes on at x, and at y. */
  Split: 1,
  /** Goes on at x. */
  Jump: 2,
  /** Holds where `x` says, see Edge. */
  Edge: 3,
  Match: 4,
  /** Only in a program that reads a group: what happens to it here, see Group. */
  Group: 5,
} as const

export const Edge = { Start: 0, End: 1, LineStart: 2, LineEnd: 3, Word: 4, NoWord: 5 } as const

export const Group = { Begins: 0, Ends: 1, Unset: 2 } as const

/** A pattern as instructions: a thread for each way through it, all at once, so time is linear in the topic. */
export interface Program {
  readonly code: Int32Array
  readonly sets: readonly CharSet[]
  /** Whether characters are code points (`u`, `v`), or UTF-16 units. */
  readonly isUnicode: boolean
  /** A match can only begin where the topic does. */
  readonly isAnchored: boolean
  /** Instructions, and the share that large sets have in time and memory. */
  readonly size: number
}
