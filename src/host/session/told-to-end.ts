import { constants } from 'node:os'

/** Why a host ends. */
export type EndReason = 'signal' | 'asked' | 'idle' | 'handed over'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What tells a host to end, each way once. After the first, another signal ends the process at once. */
export class Ending {
  #reason: Promise<EndReason>
  #tell: (reason: EndReason) => void = () => undefined
  #wasTold = false
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#wasTold) process.exit(128 + constants.signals[signal])
    this.tell('signal')
  }

  constructor() {
    this.#reason = this.#await()
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  get reason(): Promise<EndReason> {
    return this.#reason
  }

  /** It goes on after all, until it is told again. */
  goOn(): void {
    this.#wasTold = false
    this.#reason = this.#await()
  }

  #await(): Promise<EndReason> {
    return new Promise(resolve => {
      this.#tell = resolve
    })
  }

  tell(reason: EndReason): void {
    this.#wasTold = true
    this.#tell(reason)
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }
}
