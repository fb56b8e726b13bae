import { drainTimeout } from '../bus/drain-timeout.js'
import type { MsgvanError } from '../errors.js'
import { Drain } from './outbox/drain.js'
import type { Traffic } from './traffic.js'

/** The session, for a drain. */
interface DrainingSession {
  readonly isKnown: boolean
  readonly refusal: MsgvanError | undefined
}

export interface DrainingOptions {
  readonly traffic: Traffic
  readonly session: DrainingSession
  readonly report: (error: MsgvanError) => void
  /** The host waits for the end of this process, and answers some calls only then. */
  readonly isEndedByHost: boolean
}

/** Finishes the work of a bus that closes: its publishes, its lasting calls and the deliveries that it has. */
export class Draining {
  readonly #options: DrainingOptions
  readonly #drain = new Drain()
  #isRunning = false

  constructor(options: DrainingOptions) {
    this.#options = options
  }

  /** It runs, and deliveries are in hand: they may still publish. */
  get isFinishing(): boolean {
    return this.#isRunning && this.#options.traffic.inboxes.inHand > 0
  }

  /** It runs before the first connection, and has work that must not be dropped. */
  get owesHost(): boolean {
    const { outbox, calls } = this.#options.traffic
    return this.#isRunning && (!outbox.isEmpty || calls.lasting > 0)
  }

  /** Something has changed: looks whether the work is done. */
  look(): void {
    this.#drain.look()
  }

  /** Resolves when the work is done, or at the timeout, which it reports. @param drain false: waits for nothing */
  async run(drain: boolean, timeout: number): Promise<void> {
    const { outbox, calls, inboxes } = this.#options.traffic
    const deadline = performance.now() + timeout
    this.#isRunning = drain
    // A host that refuses this client takes nothing over.
    const until = (isDone: () => boolean) =>
      drain
        ? this.#drain.until(() => this.#options.session.refusal !== undefined || isDone(), deadline)
        : true
    // Deliveries go on until the bus's own publishes are taken over.
    const isTaken = outbox.whetherTaken()
    const isAnswered = this.#options.isEndedByHost ? () => true : calls.whetherLastingAnswered()
    await until(() => isTaken() && isAnswered())
    inboxes.stop()
    if (!(await until(() => isAnswered() && this.#isDone)))
      this.#options.report(
        drainTimeout(timeout, inboxes.unsettled(), outbox.size, isAnswered() ? 0 : calls.lasting),
      )
    this.#isRunning = false
  }

  /**
   * The host has all verdicts; without a session they do not matter. Other frames that are on their way change nothing once the bus is
   * gone: no caller waits for an answer, and the goodbye gives back the same deliveries as an unsubscribe.
   */
  get #isDone(): boolean {
    const { traffic, session } = this.#options
    const { outbox, inboxes } = traffic
    return outbox.isEmpty && inboxes.inHand === 0 && (!session.isKnown || !traffic.hasVerdicts)
  }
}
