import type { Store, StoreTransaction } from '../../store/store.js'

/** The delay of changes that can wait: mostly verdicts, whose loss only causes a redelivery. */
const PATIENCE_MS = 20
/** The number of turns that it waits for more, while more keeps coming. */
const GATHERING_TURNS = 4
const RETRY_MS = 500
/** Pauses after failed writes at the end: a disk that is away for a moment costs nothing. 1.5 seconds in all. */
const FINISH_PAUSES_MS = [50, 100, 200, 400, 750]
/** The most successful writes at the end while there is still more. */
const FINISH_MORE = 5

/** A source of changes. */
export interface Contributor {
  /**
   * Puts its changes into the transaction.
   *
   * @returns a function for the outcome
   */
  collect(transaction: StoreTransaction): (isWritten: boolean) => void
}

/** Writes collected changes in one transaction after another: while one is written, the next one collects. */
export class Committer {
  readonly #store: Store
  readonly #warn: (text: string) => void
  readonly #changed = new Set<Contributor>()
  #running: Promise<void> | undefined
  #next: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } | undefined
  /** Resolved after the next write, with any outcome. */
  #tried: { readonly promise: Promise<boolean>; readonly resolve: (isWritten: boolean) => void } | undefined
  #timer: NodeJS.Timeout | undefined
  #isScheduled = false
  /** The number of calls of `kept`. */
  #asked = 0
  #isFailing = false

  constructor(store: Store, warn: (text: string) => void) {
    this.#store = store
    this.#warn = warn
  }

  /** Writes soon, together with the changes until then. */
  changed(contributor: Contributor): void {
    this.#changed.add(contributor)
    if (this.#running !== undefined || this.#isScheduled) return
    this.#timer ??= setTimeout(() => this.#run(), PATIENCE_MS).unref()
  }

  /**
   * Resolves when all changes so far are on the disk; undefined when they are. Rejects if they could not be written:
   * messages are gone then, everything else is tried again.
   */
  kept(): Promise<void> | undefined {
    if (this.#changed.size === 0) return this.#running
    this.#asked += 1
    if (this.#next === undefined) {
      this.#next = deferred()
      if (this.#running === undefined) this.#schedule()
    }
    return this.#next.promise
  }

  /**
   * Resolves after a write of all changes so far, in its own time, with its success; undefined when nothing is left to
   * write.
   */
  written(): Promise<boolean> | undefined {
    if (this.#changed.size === 0)
      return this.#running?.then(
        () => true,
        () => false,
      )
    this.#tried ??= deferred<boolean>()
    return this.#tried.promise
  }

  /** Writes everything that it can, for a host that ends. Gives up after about 1.5 seconds of failed writes. */
  async finish(): Promise<void> {
    const pauses = [...FINISH_PAUSES_MS]
    // Changes during one transaction need another one.
    let more = FINISH_MORE
    while (this.#changed.size > 0 || this.#running !== undefined) {
      try {
        await this.kept()
        more -= 1
        if (more === 0) break
      } catch {
        const pause = pauses.shift()
        if (pause === undefined) break
        await new Promise(resolve => setTimeout(resolve, pause))
      }
    }
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#afterTurns(GATHERING_TURNS)
  }

  /** The first frame of a batch of publishes comes alone: an idle turn costs nothing, a sync does. */
  #afterTurns(left: number): void {
    const asked = this.#asked
    setImmediate(() => {
      setImmediate(() => {
        if (left > 0 && this.#asked > asked) return this.#afterTurns(left - 1)
        this.#isScheduled = false
        this.#run()
      })
    })
  }

  #run(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#running !== undefined) return
    const { promise, resolve, reject } = this.#next ?? deferred()
    this.#next = undefined
    const tried = this.#tried
    this.#tried = undefined
    const contributors = [...this.#changed]
    this.#changed.clear()
    let ends: ((isWritten: boolean) => void)[] = []
    this.#running = promise
    promise.catch(() => undefined)
    this.#store
      .transact(transaction => {
        ends = contributors.map(contributor => contributor.collect(transaction))
      })
      .then(
        () => {
          for (const end of ends) end(true)
          tried?.resolve(true)
          this.#isFailing = false
          this.#ended()
          resolve()
        },
        (error: unknown) => {
          for (const end of ends) end(false)
          tried?.resolve(false)
          for (const contributor of contributors) this.#changed.add(contributor)
          if (!this.#isFailing) this.#warn(error instanceof Error ? error.message : String(error))
          this.#isFailing = true
          this.#running = undefined
          reject(error)
          // Publishers' marks must have the refusals before they are written: the next host would take those for written.
          if (this.#next !== undefined) this.#schedule()
          else this.#pause()
        },
      )
  }

  #ended(): void {
    this.#running = undefined
    if (this.#next !== undefined) this.#run()
    else this.#pause()
  }

  #pause(): void {
    if (this.#changed.size > 0)
      this.#timer ??= setTimeout(() => this.#run(), this.#isFailing ? RETRY_MS : PATIENCE_MS).unref()
  }
}

function deferred<T = void>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
