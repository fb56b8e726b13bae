import type { MsgvanError } from '../errors.js'

/** Publishes that share one promise: it resolves when all of them are taken over. */
export class Group {
  readonly promise: Promise<void>
  #resolve: () => void = () => undefined
  #reject: (error: MsgvanError) => void = () => undefined
  #refusal: MsgvanError | undefined
  open: number

  constructor(open: number) {
    this.open = open
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** One of them was refused: so is the promise, when all their outcomes are known. */
  refuse(error: MsgvanError): void {
    this.#refusal ??= error
  }

  /** The outcome of one more is known. */
  close(): void {
    this.open--
    if (this.open > 0) return
    if (this.#refusal === undefined) this.#resolve()
    else this.#reject(this.#refusal)
  }

  reject(error: MsgvanError): void {
    this.#reject(error)
  }
}
