import type { SchedulerLike, Subscription } from 'rxjs'

/** setTimeout fires at once beyond this: longer waits are cut into steps. */
const longestStep = 2 ** 31 - 1

interface Entry {
  readonly due: number
  run: (() => void) | undefined
}

/** Many deadlines on one timer of the given scheduler: a binary heap, so that a hundred thousand retrying messages cost one timer. */
export class Timers {
  readonly #scheduler: SchedulerLike
  #heap: Entry[] = []
  #calledOff = 0
  #armed: Subscription | undefined
  #armedFor = Infinity

  constructor(scheduler: SchedulerLike) {
    this.#scheduler = scheduler
  }

  /** By the scheduler's clock. */
  now(): number {
    return this.#scheduler.now()
  }

  /** Runs once after `delay` milliseconds. The returned function cancels it. */
  after(delay: number, run: () => void): () => void {
    const entry: Entry = { due: this.#scheduler.now() + delay, run }
    this.#push(entry)
    this.#arm()
    return () => {
      if (entry.run === undefined) return
      entry.run = undefined
      this.#calledOff += 1
      if (this.#calledOff > 64 && this.#calledOff * 2 > this.#heap.length) this.#forgetCalledOff()
    }
  }

  /** The number of deadlines in memory, cancelled ones that are not removed yet included. */
  get size(): number {
    return this.#heap.length
  }

  clear(): void {
    this.#heap = []
    this.#calledOff = 0
    this.#armed?.unsubscribe()
    this.#armed = undefined
    this.#armedFor = Infinity
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) {
      this.#pop()
      this.#calledOff -= 1
    }
    const first = this.#heap[0]
    if (first === undefined || first.due >= this.#armedFor) return
    this.#armed?.unsubscribe()
    this.#armedFor = first.due
    const delay = Math.min(longestStep, Math.max(0, first.due - this.#scheduler.now()))
    this.#armed = this.#scheduler.schedule(() => this.#fire(), delay)
  }

  #fire(): void {
    this.#armed = undefined
    this.#armedFor = Infinity
    const now = this.#scheduler.now()
    for (
      let first = this.#heap[0];
      first !== undefined && (first.due <= now || first.run === undefined);
      first = this.#heap[0]
    ) {
      this.#pop()
      const run = first.run
      if (run === undefined) {
        this.#calledOff -= 1
        continue
      }
      first.run = undefined
      run()
    }
    this.#arm()
  }

  /** Most deadlines are cancelled long before they are due: without this they would pile up until then. */
  #forgetCalledOff(): void {
    // A sorted array is a heap, too.
    this.#heap = this.#heap.filter(entry => entry.run !== undefined).sort((a, b) => a.due - b.due)
    this.#calledOff = 0
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above.due <= entry.due) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && right.due < left.due) child += 1
      const least = right !== undefined && right.due < left.due ? right : left
      if (last.due <= least.due) break
      heap[at] = least
      at = child
    }
    heap[at] = last
  }
}
