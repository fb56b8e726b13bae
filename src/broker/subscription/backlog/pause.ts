import type { HostRef } from '../../../bus/contract/hosts.js'

/** One publish without room at some of its targets: its publisher waits until each of these has let the message in. */
export class Pause {
  readonly #targets: readonly object[]
  #left: number
  #error: Error | undefined
  #resolve: (() => void) | undefined
  #reject: ((error: Error) => void) | undefined

  /**
   * @param from the relay that the message came by, if another host sent it
   */
  constructor(
    targets: readonly object[],
    readonly publisher: string,
    readonly from: HostRef | undefined,
  ) {
    this.#targets = targets
    this.#left = targets.length
  }

  get isOver(): boolean {
    return this.#left === 0 || this.#error !== undefined
  }

  isFor(target: object): boolean {
    return this.#targets.includes(target)
  }

  /** Made on demand: a pause without a listening publisher never rejects. */
  get done(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error)
    if (this.#left === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** One of its targets has let the message in, or has ended. */
  taken(): void {
    this.#left -= 1
    if (this.#left === 0) this.#resolve?.()
  }

  refuse(error: Error): void {
    this.#error ??= error
    this.#reject?.(error)
  }
}
