import type { Table } from './store.js'

export type TreeName = Table | 'chunks'

/** A damaged piece of a store, and its identity as far as it is known. */
export interface Damage {
  readonly table: TreeName
  readonly why: string
  /** Of a record. */
  readonly key?: string
  /** Of messages: their log, the first place, and the place after the last. Undefined: perhaps of any. */
  readonly log?: number
  readonly first?: number
  readonly before?: number
}

/** The most damages in the list: each of them is named. */
const MOST_DAMAGES = 1_000

export function encodeDamages(damages: readonly Damage[]): Uint8Array {
  return Buffer.from(JSON.stringify(damages.slice(0, MOST_DAMAGES)))
}

export function decodeDamages(bytes: Uint8Array | undefined): Damage[] {
  return bytes === undefined ? [] : (JSON.parse(Buffer.from(bytes).toString()) as Damage[])
}
