import type { Table } from './store.js'

export type TreeName = Table | 'chunks'

/** A piece of a store that is not what was written, as far as it can be told what it was. */
export interface Damage {
  readonly table: TreeName
  readonly why: string
  /** Of a record. */
  readonly key?: string
  /** Of messages: of which log, from which place on and before which. None: perhaps of any. */
  readonly log?: number
  readonly first?: number
  readonly before?: number
}

/** So many are kept: each of them is named. */
const MOST_DAMAGES = 1_000

export function encodeDamages(damages: readonly Damage[]): Uint8Array {
  return Buffer.from(JSON.stringify(damages.slice(0, MOST_DAMAGES)))
}

export function decodeDamages(bytes: Uint8Array | undefined): Damage[] {
  return bytes === undefined ? [] : (JSON.parse(Buffer.from(bytes).toString()) as Damage[])
}
