import { escapeControls, escapeJson } from '../../log/escape-controls.js'
import { whenReaderLeaves } from './reader-left.js'

/** To the top left, and everything below is cleared, so that nothing flickers. */
const ANEW = '\u001b[H\u001b[J'

/**
 * Standard output: what is written in one turn of the event loop is one write, and `write` says when it is out. A reader
 * that went away (`| head -1`) is no error: `closed` aborts, and what comes after goes nowhere.
 *
 * Every command writes by it, and each text is escaped here: none can steer a terminal or fake a line. `raw` alone escapes nothing.
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

  /** For people. Resolves when it was handed to the reader. Never rejects: see `closed`. */
  line(text: string): Promise<void> {
    return this.#write(`${shown(text)}\n`)
  }

  lines(texts: readonly string[]): Promise<void> {
    return this.#write(texts.map(text => `${shown(text)}\n`).join(''))
  }

  /** On a terminal in place of what is there; elsewhere a block and a blank line. */
  screen(texts: readonly string[], isTerminal: boolean): Promise<void> {
    const block = texts.map(text => `${shown(text)}\n`).join('')
    return this.#write(isTerminal ? `${ANEW}${block}` : `${block}\n`)
  }

  /** For programs. @param texts JSON, each on one line */
  json(...texts: string[]): Promise<void> {
    return this.#write(texts.map(text => `${escapeJson(text)}\n`).join(''))
  }

  /** What it is, whatever it does to a terminal: only where the user asks for that. */
  raw(chunk: string | Uint8Array): Promise<void> {
    return this.#write(chunk)
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    this.#waiting.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    this.#flush ??= new Promise(resolve => setImmediate(resolve)).then(() => this.#writeOut())
    return this.#flush
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

/** A tab harms nothing here: a message or a handler's line keeps its own. */
function shown(text: string): string {
  return text.split('\t').map(escapeControls).join('\t')
}
