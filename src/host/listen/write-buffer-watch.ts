/** The size of a connection's write buffer that is allowed for long; a link's window keeps it near this in any case. */
const MOST_BUFFERED = 1024 * 1024

export interface WriteBufferWatchOptions {
  /** The bytes that wait to be written now. */
  readonly buffered: () => number
  /** Milliseconds that it may stay over the limit. */
  readonly patience: number
  /** Called once: it stayed over the limit for all that time. */
  readonly stuck: (buffered: number) => void
}

/**
 * Notices a connection whose other side does not read: engine.io itself would buffer for as long as pings are answered.
 */
export class WriteBufferWatch {
  readonly #options: WriteBufferWatchOptions
  #timer: ReturnType<typeof setInterval> | undefined
  #checksOver = 0

  constructor(options: WriteBufferWatchOptions) {
    this.#options = options
  }

  /** Something was written. Costs a look at the buffer, and a timer only while it is over the limit. */
  wrote(): void {
    if (this.#timer !== undefined || this.#options.buffered() <= MOST_BUFFERED) return
    this.#checksOver = 0
    this.#timer = setInterval(() => this.#check(), this.#options.patience / 4)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #check(): void {
    const buffered = this.#options.buffered()
    if (buffered <= MOST_BUFFERED) return this.stop()
    this.#checksOver += 1
    if (this.#checksOver < 4) return
    this.stop()
    this.#options.stuck(buffered)
  }
}
