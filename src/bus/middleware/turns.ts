import { OutboxFullError } from '../../errors.js'

/** Publishes that may wait in the middleware of one bus. */
const MOST = 100_000

/** The place of one publish among those of its bus. */
export class Turn {
  before: Turn | undefined
  after: Turn | undefined
  isOver = false
  /** It waits for those before it. */
  go: (() => void) | undefined
}

/** Keeps the order of publishes while asynchronous middleware works on several at once. */
export class Turns {
  #first: Turn | undefined
  #last: Turn | undefined
  #open = 0
  #idle: (() => void)[] = []

  /**
   * @param before it gets its turn right before this one. Default: after all others
   * @throws OutboxFullError
   */
  enter(before: Turn | undefined): Turn {
    if (this.#open >= MOST)
      throw new OutboxFullError(
        `${this.#open} publishes wait in the middleware of this bus, which is the most. Await publish(), which slows you down.`,
      )
    this.#open += 1
    const turn = new Turn()
    const after = before?.isOver === false ? before : undefined
    this.#link(after === undefined ? this.#last : after.before, turn)
    this.#link(turn, after)
    return turn
  }

  /** Calls it when all turns before are over. */
  pass(turn: Turn, send: () => Promise<void>): Promise<void> {
    if (turn === this.#first) {
      this.#unlink(turn)
      try {
        return send()
      } finally {
        this.#advance()
      }
    }
    // A throw rejects.
    const started = async (): Promise<void> => send()
    return new Promise(resolve => {
      turn.go = () => resolve(started())
    })
  }

  /** It does not publish, or has. A second call does nothing. */
  leave(turn: Turn): void {
    if (turn.isOver) return
    this.#unlink(turn)
    this.#advance()
  }

  /** Resolves when no turn is open; undefined when none is. */
  idle(): Promise<void> | undefined {
    return this.#open === 0 ? undefined : new Promise(resolve => this.#idle.push(resolve))
  }

  #advance(): void {
    for (let turn = this.#first; turn?.go !== undefined; turn = this.#first) {
      this.#unlink(turn)
      turn.go()
    }
    if (this.#open === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  #link(before: Turn | undefined, after: Turn | undefined): void {
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
  }

  #unlink(turn: Turn): void {
    turn.isOver = true
    this.#open -= 1
    this.#link(turn.before, turn.after)
  }
}
