import { HostUnreachableError, type MsgvanError } from '../../errors.js'
import { isNothingThere } from './unreachable.js'

/** A failed attempt is reported when the outage is older than this: a host that restarts is away for a moment. */
const OUTAGE_MS = 2_000

/** Ends each error of an outage. A command line, which ends by it, leaves it out. */
export const GOES_ON = ' This bus goes on trying.'

/** The time without a connection, and its reports: one for each kind of error. */
export class Outage {
  readonly #report: (error: MsgvanError) => void
  readonly #isHost: boolean
  readonly #isElsewhere: boolean
  #since = performance.now()
  /** The error of the last attempt. */
  #cause: MsgvanError | undefined
  /** The server there accepts connections and does not answer. */
  #isSilent = false
  /** Codes that were reported since the last connection. */
  readonly #reported = new Set<string>()

  /**
   * @param isHost this side is a host, which does not report an outage
   * @param isElsewhere the bus was given a URL, so that a host on this machine would not help
   */
  constructor(report: (error: MsgvanError) => void, isHost: boolean, isElsewhere: boolean) {
    this.#report = report
    this.#isHost = isHost
    this.#isElsewhere = isElsewhere
  }

  /** Milliseconds since the connection was lost, or since the start. */
  get duration(): number {
    return performance.now() - this.#since
  }

  /** The connection is gone. */
  begin(): void {
    this.#since = performance.now()
    this.#cause = undefined
    this.#isSilent = false
  }

  /** There is a connection. */
  end(): void {
    this.#reported.clear()
  }

  /** A server accepts connections, and has not answered for as long as an outage is worth a report. */
  silent(error: MsgvanError): void {
    this.#cause = error
    this.#isSilent = true
    this.#reportOnce(error)
  }

  /** An attempt failed. @param isFinal by something that does not change by itself */
  failed(error: MsgvanError, isFinal: boolean): void {
    this.#cause = error
    const isOutage = !isFinal && error.code === 'MSGVAN_HOST_UNREACHABLE'
    if (isOutage) {
      if (isNothingThere(error)) this.#isSilent = false
      if (performance.now() - this.#since >= OUTAGE_MS) this.#reportOnce(error)
    } else if (!this.#reported.has(error.code)) {
      this.#reported.add(error.code)
      this.#report(error)
    }
  }

  /** For `ready()`, which waited for so many milliseconds. */
  unreachable(timeout: number): MsgvanError {
    const reason = this.#cause === undefined ? '.' : `: ${this.#cause.message}`
    return unreachable(`No host within ${timeout} ms${reason}${this.#advice}${GOES_ON}`, this.#cause)
  }

  #reportOnce(error: MsgvanError): void {
    if (this.#isHost || this.#reported.has(error.code)) return
    this.#reported.add(error.code)
    this.#report(unreachable(`${error.message}${this.#isSilent ? this.#advice : ''}${GOES_ON}`, error))
  }

  /** Advice for this machine. */
  get #advice(): string {
    if (this.#isElsewhere) return ''
    if (this.#isSilent)
      return ' If it is another program, use another port for the host: --port, MSGVAN_PORT, or the option `port`.'
    return isNothingThere(this.#cause) ? ' Start one with `msgvan start`.' : ''
  }
}

function unreachable(text: string, cause: MsgvanError | undefined): HostUnreachableError {
  return new HostUnreachableError(text, { cause })
}

/** Whether the bus goes on trying after this error. */
export function isOutage(error: MsgvanError): boolean {
  return error instanceof HostUnreachableError && error.message.endsWith(GOES_ON)
}
