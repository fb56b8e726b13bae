import { existsSync } from 'node:fs'
import { getSystemErrorName } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { Syslog } from 'winston-syslog'
import { codeOf, describe } from '../errors.js'

/** `full`: try again in a moment. `away`: no process listens. `unusable`: never in this process. */
export type Sent =
  { readonly state: 'sent' } | { readonly state: 'full' | 'away' | 'unusable'; readonly reason: string }

/** The symbols under which winston hands an entry's level and text to a transport (triple-beam's). */
export const LEVEL = Symbol.for('level')
export const MESSAGE = Symbol.for('message')

/** sockaddr_un holds 108 bytes; unix-dgram silently cuts a longer path. */
const MAX_PATH = 107
const SENT: Sent = { state: 'sent' }

/**
 * One winston-syslog transport at a time, made safe: unsent lines leave its endless queue, its `error` events become
 * results, and it lives for one turn of the event loop only, because its socket would keep the process alive.
 *
 * Protocol `unix` names the path with every line, so a restarted syslog is found without help. RFC 3164 without a host
 * name is the format of syslog(3) for a local socket: rsyslog takes a host name there for the program, and an RFC 5424
 * header for text.
 */
export class SyslogSocket {
  readonly #program: string
  #inner: Syslog | undefined
  #failure: unknown
  #unusable: string | undefined

  constructor(
    readonly path: string,
    program: string,
  ) {
    this.#program = program
    if (Buffer.byteLength(path) > MAX_PATH) this.#unusable = `its path is over ${MAX_PATH} bytes`
    // unix-dgram hooks into the main thread's event loop, whichever thread calls it.
    if (!isMainThread) this.#unusable = 'it cannot be used from a worker thread'
  }

  /** This machine has no syslog there. */
  get isMissing(): boolean {
    return Buffer.byteLength(this.path) <= MAX_PATH && !existsSync(this.path)
  }

  /** Sends, or returns the reason why not. Never throws. */
  send(level: string, line: string): Sent {
    if (this.#unusable !== undefined) return { state: 'unusable', reason: this.#unusable }
    this.#failure = undefined
    try {
      const inner = this.#open()
      inner.log({ level, message: line, [LEVEL]: level, [MESSAGE]: line }, error => {
        this.#failure ??= error
      })
      inner.queue.length = 0
    } catch (error) {
      this.#failure = error
    }
    return this.#failure === undefined || this.#failure === null ? SENT : this.#judge(this.#failure)
  }

  close(): void {
    const inner = this.#inner
    this.#inner = undefined
    try {
      inner?.close()
    } catch {
      // The socket never opened, or is closed already.
    }
  }

  #open(): Syslog {
    if (this.#inner !== undefined) return this.#inner
    const inner = new Syslog({
      protocol: 'unix',
      path: this.path,
      type: 'BSD',
      facility: 'user',
      appName: this.#program,
      localhost: '',
    })
    inner.on('error', error => {
      this.#failure = error
    })
    this.#inner = inner
    setImmediate(() => this.close())
    return inner
  }

  #judge(failure: unknown): Sent {
    const number = errnoOf(failure)
    if (number === undefined) {
      this.close()
      this.#unusable = unbuilt(failure)
      return { state: 'unusable', reason: this.#unusable }
    }
    const reason = getSystemErrorName(number)
    if (reason === 'EAGAIN' || reason === 'ENOBUFS') return { state: 'full', reason }
    this.close()
    return { state: 'away', reason }
  }
}

/** unix-dgram's own errors carry the negative errno as `code`; everything else means that it could not be loaded. */
function errnoOf(failure: unknown): number | undefined {
  const code = codeOf(failure)
  return typeof code === 'number' && code < 0 ? code : undefined
}

/** Leaves out the list of places that `bindings` tried: it only means that the module is not built. */
function unbuilt(failure: unknown): string {
  const [first = ''] = describe(failure).split('\n')
  const reason = first.includes('Could not locate the bindings file') ? '' : `: ${first.slice(0, 200)}`
  return `unix-dgram is not built here${reason}`
}
