import { escapeControls, escapeJson } from '../../log/escape-controls.js'
import { whenReaderLeaves } from './reader-left.js'

/** Goes to the top left and clears everything below, so that nothing flickers. */
const ANEW = '\u001b[H\u001b[J'

/**
 * Standard output. All text of one turn of the event loop is one write, and `write` reports when it is out. A reader
 * that goes away (`| head -1`) is not an error: `closed` aborts, and later text is discarded.
 *
 * Every command writes through it, and it escapes each text: none can steer a terminal or fake a line. Only `raw` does
 * not escape.
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

  /** Aborts when the reader is gone. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** From now on `closed` aborts as soon as the reader of a pipe leaves, not only at the next write. */
  watchReader(): void {
    if (this.#stream === process.stdout) whenReaderLeaves(1, () => this.#closed.abort())
  }

  /** The reason why writing failed (a full disk, say), unless the reader went away. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** For people. Resolves when the reader has it. Never rejects: see `closed`. */
  line(text: string): Promise<void> {
    return this.#write(`${escapeControls(text)}\n`)
  }

  lines(texts: readonly string[]): Promise<void> {
    return this.#write(texts.map(text => `${escapeControls(text)}\n`).join(''))
  }

  /** On a terminal in place of the present text; elsewhere as a block and a blank line. */
  screen(texts: readonly string[], isTerminal: boolean): Promise<void> {
    const block = texts.map(text => `${escapeControls(text)}\n`).join('')
    return this.#write(isTerminal ? `${ANEW}${block}` : `${block}\n`)
  }

  /**
   * For programs.
   *
   * @param texts JSON, each on one line
   */
  json(...texts: string[]): Promise<void> {
    return this.#write(texts.map(text => `${escapeJson(text)}\n`).join(''))
  }

  /** Unchanged, also if it steers the terminal: only on the user's request. */
  raw(chunk: string | Uint8Array): Promise<void> {
    return this.#write(chunk)
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    this.#waiting.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    this.#flush ??= new Promise(resolve => setImmediate(resolve)).then(() => this.#writeOut())
    return this.#flush
  }

  /** Resolves when everything so far is out. */
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
