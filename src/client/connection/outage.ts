import { HostUnreachableError, type MsgvanError } from '../../errors.js'

/** A failed attempt is reported when the outage is older than this: a host that restarts is away for a moment. */
const OUTAGE_MS = 2_000

/** The time without a connection, and its reports: one for each kind of error. */
export class Outage {
  readonly #report: (error: MsgvanError) => void
  readonly #isHost: boolean
  readonly #isElsewhere: boolean
  #since = performance.now()
  /** The error of the last attempt. */
  #cause: MsgvanError | undefined
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

  /** The connection is gone. */
  begin(): void {
    this.#since = performance.now()
  }

  /** There is a connection. */
  end(): void {
    this.#reported.clear()
  }

  /** An attempt failed. @param isFinal by something that does not change by itself */
  failed(error: MsgvanError, isFinal: boolean): void {
    this.#cause = error
    if (this.#reported.has(error.code)) return
    const isSilence = !isFinal && error.code === 'MSGVAN_HOST_UNREACHABLE'
    if (isSilence && (this.#isHost || performance.now() - this.#since < OUTAGE_MS)) return
    this.#reported.add(error.code)
    this.#report(isSilence ? unreachable(`${error.message} This bus goes on trying.`, error) : error)
  }

  /** For `ready()`, which waited for so many milliseconds. */
  unreachable(timeout: number): MsgvanError {
    const reason = this.#cause === undefined ? '.' : `: ${this.#cause.message}`
    const advice = this.#isElsewhere ? '' : ' Start one with `msgvan start`.'
    return unreachable(`No host within ${timeout} ms${reason}${advice} This bus goes on trying.`, this.#cause)
  }
}

function unreachable(text: string, cause: MsgvanError | undefined): HostUnreachableError {
  return new HostUnreachableError(text, { cause })
}
