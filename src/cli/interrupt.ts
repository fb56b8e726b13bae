import { constants } from 'node:os'

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, so that a command can leave in order. The second one ends the process
 * at once.
 */
export class Interrupt {
  readonly #controller = new AbortController()
  #exitCode: number | undefined

  constructor() {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (this.#exitCode !== undefined) process.exit(this.#exitCode)
        this.#exitCode = 128 + constants.signals[name]
        this.#controller.abort()
      })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** 128 + the signal's number, by which a shell ends its loop too. Undefined without a signal. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }
}
