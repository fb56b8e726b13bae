import { longTimeout } from '../../bus/long-timeout.js'

/** Waits until a condition is true. */
export class Drain {
  #check: (() => void) | undefined

  /** Something has changed: checks the condition again. */
  look(): void {
    this.#check?.()
  }

  /** @param deadline by `performance.now()` @returns whether the condition was true by then */
  until(isDone: () => boolean, deadline: number): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (done: boolean): void => {
        this.#check = undefined
        cancel()
        resolve(done)
      }
      const cancel = longTimeout(() => finish(isDone()), deadline - performance.now())
      this.#check = () => {
        if (isDone()) finish(true)
      }
      this.#check()
    })
  }
}
