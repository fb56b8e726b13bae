import type { Store, StoreTransaction } from '../../store/store.js'

/** How long what can wait does: verdicts on messages, mostly, which are only redelivered if they get lost. */
const PATIENCE_MS = 20
/** So often what comes is waited for, as long as something comes. */
const GATHERING_TURNS = 4
const RETRY_MS = 500
/** Pauses after failed tries to write all at the end: a disk that is away for a moment costs nothing. 1.5 seconds in all. */
const FINISH_PAUSES_MS = [50, 100, 200, 400, 750]
/** Writes at the end that succeed, and after which there is still more. */
const FINISH_MORE = 5

/** Somebody with something to write. */
export interface Contributor {
  /** Puts what changed into the transaction. @returns what to call with how that ended */
  collect(transaction: StoreTransaction): (isWritten: boolean) => void
}

/** Writes what has gathered in one transaction after another: while one is written, the next one gathers. */
export class Committer {
  readonly #store: Store
  readonly #warn: (text: string) => void
  readonly #changed = new Set<Contributor>()
  #running: Promise<void> | undefined
  #next: { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } | undefined
  /** Resolved when what gathers now was tried to be written. */
  #tried: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined
  #timer: NodeJS.Timeout | undefined
  #isScheduled = false
  /** How often somebody asked that all be kept. */
  #asked = 0
  #isFailing = false

  constructor(store: Store, warn: (text: string) => void) {
    this.#store = store
    this.#warn = warn
  }

  /** Is written soon, together with what comes until then. */
  changed(contributor: Contributor): void {
    this.#changed.add(contributor)
    if (this.#running !== undefined || this.#isScheduled) return
    this.#timer ??= setTimeout(() => this.#run(), PATIENCE_MS).unref()
  }

  /**
   * Resolves when all that has changed so far is on the disk; undefined when it is.
   * Rejects if it could not be written: messages are gone then, everything else is tried again.
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

  /** Resolves when it was tried to write all that has changed so far, in its own time; undefined when that was done. */
  written(): Promise<void> | undefined {
    if (this.#changed.size === 0) return this.#running?.catch(() => undefined)
    this.#tried ??= deferred()
    return this.#tried.promise
  }

  /** Writes everything that can be written, for a host that ends. Gives up after about 1.5 seconds of failed tries. */
  async finish(): Promise<void> {
    const pauses = [...FINISH_PAUSES_MS]
    // What changes during one transaction needs another one.
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

  /** Of what is published in one go the first frame comes alone: a turn in which nothing more came costs nothing, a sync does. */
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
          tried?.resolve()
          this.#isFailing = false
          this.#ended()
          resolve()
        },
        (error: unknown) => {
          for (const end of ends) end(false)
          tried?.resolve()
          for (const contributor of contributors) this.#changed.add(contributor)
          if (!this.#isFailing) this.#warn(error instanceof Error ? error.message : String(error))
          this.#isFailing = true
          this.#ended()
          reject(error)
        },
      )
  }

  #ended(): void {
    this.#running = undefined
    if (this.#next !== undefined) this.#run()
    else if (this.#changed.size > 0)
      this.#timer ??= setTimeout(() => this.#run(), this.#isFailing ? RETRY_MS : PATIENCE_MS).unref()
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: unknown) => void } {
  let resolve: () => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
