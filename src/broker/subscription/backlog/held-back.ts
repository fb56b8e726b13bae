import type { Pause } from './pause.js'

/** A message at the end of a queue without room for it, or a publisher that waits for room and has no message there. */
interface Held {
  /** Bytes of its payload; undefined: it has no message of its own in the queue. */
  readonly size: number | undefined
  readonly pause: Pause | undefined
}

const MUCH = 1_000
const MUCH_BYTES = 8 * 1024 * 1024

/**
 * The messages at the end of a full subscription's queue that are held back: the subscription owes them and they keep
 * their place, but it does not hand them out until there is room. Their publishers wait.
 */
export class HeldBack {
  #waiting: Held[] = []
  #head = 0
  #count = 0
  #bytes = 0
  /** The owner knows that there are many. */
  isCrowded = false
  /** Publishers that know that no consumer is attached. */
  readonly #informed = new Set<string>()

  /** Messages. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length
  }

  /** There are so many that publishers at other hosts should wait too. */
  get isMuch(): boolean {
    return this.#count >= MUCH || this.#bytes >= MUCH_BYTES
  }

  /** The first one is a publisher whose message has been in the queue since before the start. */
  get isFirstBare(): boolean {
    return this.#waiting[this.#head]?.size === undefined
  }

  add(size: number | undefined, pause: Pause | undefined): void {
    this.#waiting.push({ size, pause })
    if (size === undefined) return
    this.#count += 1
    this.#bytes += size
  }

  /** There is room for the first one. */
  letIn(): void {
    const first = this.#waiting[this.#head]
    if (first === undefined) return
    this.#head += 1
    if (this.#head > 1_024 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    if (first.size !== undefined) {
      this.#count -= 1
      this.#bytes -= first.size
    }
    first.pause?.taken()
    if (this.isEmpty) this.forgetInformed()
  }

  letAllIn(): void {
    while (!this.isEmpty) this.letIn()
  }

  /** Their publishers wait no longer; the messages stay where they are. */
  refuse(error: Error): void {
    for (const { pause } of this.#waiting.slice(this.#head)) pause?.refuse(error)
  }

  /** The messages at the end could not be written: they are not in the queue any more. */
  forgetLast(count: number): void {
    for (let left = Math.min(count, this.#count); left > 0;) {
      const last = this.#waiting.pop()
      last?.pause?.taken()
      if (last?.size === undefined) continue
      left -= 1
      this.#count -= 1
      this.#bytes -= last.size
    }
  }

  /** Waiting publishers that do not know yet that there is no consumer: each once. */
  *uninformed(): Generator<Pause> {
    for (let at = this.#head; at < this.#waiting.length; at += 1) {
      const pause = this.#waiting[at]?.pause
      if (pause !== undefined && this.isNews(pause)) yield pause
    }
  }

  isNews({ publisher }: Pause): boolean {
    if (this.#informed.has(publisher)) return false
    this.#informed.add(publisher)
    return true
  }

  /** From now on they are informed anew. */
  forgetInformed(): void {
    this.#informed.clear()
  }
}
