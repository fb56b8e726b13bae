/** Waits for a state that others bring about, and say so. */
export class Drain {
  #check: (() => void) | undefined

  /** Something changed: whoever waits looks again. */
  look(): void {
    this.#check?.()
  }

  /** @param deadline by `performance.now()`: then it resolves all the same */
  until(isDone: () => boolean, deadline: number): Promise<void> {
    return new Promise(resolve => {
      const finish = (): void => {
        this.#check = undefined
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(finish, deadline - performance.now())
      this.#check = () => {
        if (isDone()) finish()
      }
      this.#check()
    })
  }
}
