/** The way by which a message came: the relay of the host that sent it. */
export type Origin = object

/** One publish that some of its targets have no room for: its publisher waits until each of these has let the message in. */
export class Pause {
  readonly #targets: readonly object[]
  #left: number
  #error: Error | undefined
  #resolve: (() => void) | undefined
  #reject: ((error: Error) => void) | undefined

  /** @param from the way by which the message came, if another host sent it */
  constructor(
    targets: readonly object[],
    readonly publisher: string,
    readonly from: Origin | undefined,
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

  /** Made when somebody asks: a pause whose publisher is not told never rejects. */
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
