import { whenReaderLeaves } from './reader-left.js'

/**
 * Standard output: what is written in one turn of the event loop is one write, and `write` says when it is out. A reader
 * that went away (`| head -1`) is no error: `closed` aborts, and what comes after goes nowhere.
 */
export class Output {
  readonly #stream: NodeJS.WritableStream
  readonly #closed = new AbortController()
  #waiting: Uint8Array[] = []
  #flush: Promise<void> | undefined
  #failure: Error | undefined

  constructor(stream: NodeJS.WritableStream = process.stdout) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') this.#failure = error
      this.#closed.abort()
    })
  }

  /** Aborts when nobody reads any more. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** From now on `closed` aborts as soon as the reader of a pipe leaves, not only at the next write. */
  watchReader(): void {
    if (this.#stream === process.stdout) whenReaderLeaves(1, () => this.#closed.abort())
  }

  /** Why writing failed (a full disk, say), when it was not just a reader that had enough. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Resolves when it was handed to the reader. Never rejects: see `closed`. */
  write(chunk: string | Uint8Array): Promise<void> {
    this.#waiting.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    this.#flush ??= new Promise(resolve => setImmediate(resolve)).then(() => this.#writeOut())
    return this.#flush
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** Resolves when all that was written so far is out. */
  async flush(): Promise<void> {
    await this.#flush
  }

  #writeOut(): Promise<void> {
    const chunk = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#flush = undefined
    if (this.closed.aborted) return Promise.resolve()
    return new Promise(resolve => {
      this.#stream.write(chunk, () => resolve())
    })
  }
}
