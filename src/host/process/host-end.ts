import { constants } from 'node:os'

/** The reason for a host's end. */
export type EndReason = 'signal' | 'asked' | 'idle' | 'restarted' | 'handed over'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Waits for a reason to end: a signal, a call, or idleness. After the first, another signal ends the process at once. */
export class HostEnd {
  #reason: Promise<EndReason>
  #resolve: (reason: EndReason) => void = () => undefined
  #hasReason = false
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#hasReason) process.exit(128 + constants.signals[signal])
    this.end('signal')
  }

  constructor() {
    this.#reason = this.#nextReason()
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  get reason(): Promise<EndReason> {
    return this.#reason
  }

  end(reason: EndReason): void {
    this.#hasReason = true
    this.#resolve(reason)
  }

  /** The host continues after all: waits for the next reason. */
  continue(): void {
    this.#hasReason = false
    this.#reason = this.#nextReason()
  }

  /** Signals have their usual effect again. */
  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }

  #nextReason(): Promise<EndReason> {
    return new Promise(resolve => {
      this.#resolve = resolve
    })
  }
}
