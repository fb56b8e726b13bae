import type { ByteBudget } from './byte-budget.js'

interface Wait {
  readonly promise: Promise<void>
  readonly end: (error?: Error) => void
}

/** The publishers that wait until a budget has room. */
export class Room {
  readonly #budget: ByteBudget
  #wait: Wait | undefined

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  /** Resolves when there is room. */
  wait(): Promise<void> {
    return (this.#wait ??= this.#begin()).promise
  }

  /** Rejects all promises. */
  refuse(error: Error): void {
    this.#wait?.end(error)
  }

  #begin(): Wait {
    let end: (error?: Error) => void = () => undefined
    const promise = new Promise<void>((resolve, reject) => {
      end = error => {
        unwatch()
        this.#wait = undefined
        if (error === undefined) resolve()
        else reject(error)
      }
    })
    const unwatch = this.#budget.watch(() => {
      if (!this.#budget.isFull) end()
    })
    // The waiting publisher handles it.
    promise.catch(() => undefined)
    return { promise, end }
  }
}
