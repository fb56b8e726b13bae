import { LOOKS, silenceOf } from '../../wire/protocol.js'

/** Signs of life for the host, which would otherwise take a slow consumer's process for a stopped one. */
export class PresenceSignals {
  readonly #signal: () => void
  #timer: ReturnType<typeof setInterval> | undefined

  /** @param signal called several times within each `ackTimeout` */
  constructor(signal: () => void) {
    this.#signal = signal
  }

  /** Does nothing while they run. */
  start(ackTimeout: number): void {
    this.#timer ??= setInterval(this.#signal, silenceOf(ackTimeout) / LOOKS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
