/** Waits for a state that others bring about, and say so. */
export class Drain {
  #check: (() => void) | undefined

  /** Something changed: whoever waits looks again. */
  look(): void {
    this.#check?.()
  }

  /** @param deadline by `performance.now()`: then it resolves all the same, with false */
  until(isDone: () => boolean, deadline: number): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (done: boolean): void => {
        this.#check = undefined
        clearTimeout(timer)
        resolve(done)
      }
      const timer = setTimeout(() => finish(isDone()), deadline - performance.now())
      this.#check = () => {
        if (isDone()) finish(true)
      }
      this.#check()
    })
  }
}
