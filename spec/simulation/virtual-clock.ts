import type { VirtualProcess } from './virtual-process.js'

/** Something that will happen. */
export interface Task {
  due: number
  /** Among those of the same moment: lower ones first, then in the order in which they were scheduled. */
  readonly rank: number
  readonly order: number
  readonly process: VirtualProcess
  run: (() => void) | undefined
}

const realSetImmediate = setImmediate

/** All microtasks are over by then. */
const turn = (): Promise<void> => new Promise(resolve => void realSetImmediate(resolve))

/** Time that passes from one event to the next. Whatever happens is a task of a process, alone on the stage until its microtasks are over. */
export class VirtualClock {
  /** Milliseconds, monotonic. */
  now = 0
  /** What the wall clock is ahead of that. */
  wallOffset = Date.UTC(2030, 0, 1)
  /** Whose task is running. */
  current: VirtualProcess | undefined
  /** What tasks threw: an uncaught exception in their process. */
  readonly thrown: unknown[] = []
  #heap: Task[] = []
  #lastOrder = 0

  /** Tasks that will still run. */
  get pending(): readonly Task[] {
    return this.#heap.filter(task => task.run !== undefined && !task.process.isDead)
  }

  schedule(delay: number, run: () => void, process = this.current, rank = 1): Task {
    if (process === undefined) throw new Error('a timer of no process')
    this.#lastOrder += 1
    const task: Task = { due: this.now + Math.max(0, delay), rank, order: this.#lastOrder, process, run }
    this.#push(task)
    return task
  }

  /** Something that a process does now, and all that follows from it at once. */
  async as<T>(process: VirtualProcess, run: () => T): Promise<T | undefined> {
    this.current = process
    let result: T | undefined
    try {
      result = run()
    } catch (error) {
      this.thrown.push(error)
    }
    await turn()
    this.current = undefined
    return result
  }

  /** Time goes on for so long, with all that is due in it. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.now + milliseconds
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.due > until) break
      this.#pop()
      const { run, process } = next
      if (run === undefined || process.isDead) continue
      if (process.blockedUntil > next.due) {
        next.due = process.blockedUntil
        this.#push(next)
        continue
      }
      next.run = undefined
      this.now = next.due
      await this.as(process, run)
    }
    this.now = until
  }

  #isBefore(a: Task, b: Task): boolean {
    return a.due !== b.due ? a.due < b.due : a.rank !== b.rank ? a.rank < b.rank : a.order < b.order
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.length
    while (at > 0) {
      const above = heap[(at - 1) >> 1]
      if (above === undefined || !this.#isBefore(task, above)) break
      heap[at] = above
      at = (at - 1) >> 1
    }
    heap[at] = task
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (left === undefined) break
      if (right !== undefined && this.#isBefore(right, left)) child += 1
      const least = heap[child]
      if (least === undefined || !this.#isBefore(least, last)) break
      heap[at] = least
      at = child
    }
    heap[at] = last
  }
}
