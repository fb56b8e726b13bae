import type { PublishPromise } from './publish-promise.js'

export const noBytes = new Uint8Array(0)

/** One PUBLISH frame, with the promise of each of its entries. */
export interface Batch {
  readonly number: number
  /** Empty once the publishers of others' messages keep the entries that the host holds back. */
  bytes: Uint8Array
  /** By entry. */
  readonly promises: PublishPromise[]
  /** Entries that the host holds back. */
  held: Set<number> | undefined
}
