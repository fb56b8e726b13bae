import { constants } from 'node:os'

/** Why a host ends. */
export type EndReason = 'signal' | 'asked' | 'idle'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What tells a host to end, each way once. After the first, another signal ends the process at once. */
export class Ending {
  readonly reason: Promise<EndReason>
  #tell: (reason: EndReason) => void = () => undefined
  #wasTold = false
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#wasTold) process.exit(128 + constants.signals[signal])
    this.tell('signal')
  }

  constructor() {
    this.reason = new Promise(resolve => {
      this.#tell = resolve
    })
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
  }

  tell(reason: EndReason): void {
    this.#wasTold = true
    this.#tell(reason)
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
  }
}
