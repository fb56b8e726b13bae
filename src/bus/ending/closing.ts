import type { CloseOptions } from '../contract/broker.js'
import { reasonOf, untilAborted } from './until-aborted.js'

/** The end of a bus. Each call of `close()` may have a signal of its own, whose abort cuts the wait short for all. */
export class Closing {
  readonly #begin: (options: CloseOptions) => Promise<void>
  readonly #cut = new AbortController()
  #closed: Promise<void> | undefined

  constructor(begin: (options: CloseOptions) => Promise<void>) {
    this.#begin = begin
  }

  get hasBegun(): boolean {
    return this.#closed !== undefined
  }

  /** @returns the same promise for all calls without a signal */
  close({ signal, ...options }: CloseOptions): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(reasonOf(signal))
    const closed = (this.#closed ??= this.#begin({ ...options, signal: this.#cut.signal }))
    if (signal === undefined) return closed
    return untilAborted(closed, signal, () => this.#cut.abort())
  }
}
