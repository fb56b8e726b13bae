import { drainTimeout, leftByHost, leftWaiting } from '../bus/drain-timeout.js'
import type { MsgvanError } from '../errors.js'
import { onAbort } from '../bus/ending/on-abort.js'
import { Drain } from './outbox/drain.js'
import type { Traffic } from './traffic.js'

/** A host that is away for longer does not only restart. */
const RESTART_MS = 2_000
const LOOK_MS = 100

/** The session, for a drain. */
interface DrainingSession {
  readonly isKnown: boolean
  /** Milliseconds without a connection. */
  readonly awayFor: number
  readonly refusal: MsgvanError | undefined
}

export interface DrainingOptions {
  readonly traffic: Traffic
  readonly session: DrainingSession
  readonly report: (error: MsgvanError) => void
  /** The host waits for the end of this process, and answers some calls only then. */
  readonly isEndedByHost: boolean
  /** Nothing starts the host again. */
  readonly isHostEnded: () => boolean
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
    const { outbox, calls, ruled } = this.#options.traffic
    return this.#isRunning && (!outbox.isEmpty || ruled.size > 0 || calls.lasting > 0)
  }

  /** Something has changed: looks whether the work is done. */
  look(): void {
    this.#drain.look()
  }

  /**
   * Resolves when the work is done, or at the timeout, which it reports.
   *
   * @param drain false: waits for nothing
   * @param endsProcess right after: work in hand is waited for, and no host that nothing starts again
   * @param signal its abort ends the wait
   */
  async run(
    drain: boolean,
    timeout: number,
    endsProcess: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const look = endsProcess ? setInterval(() => this.look(), LOOK_MS) : undefined
    const ignore = signal === undefined ? undefined : onAbort(signal, () => this.look())
    try {
      await this.#run(drain, timeout, () => endsProcess && this.#isHostGone, signal)
    } finally {
      clearInterval(look)
      ignore?.()
      this.#isRunning = false
    }
  }

  async #run(
    drain: boolean,
    timeout: number,
    isHopeless: () => boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { outbox, calls, inboxes, ruled } = this.#options.traffic
    const deadline = performance.now() + timeout
    const isAborted = (): boolean => signal?.aborted === true
    this.#isRunning = drain
    // A host that refuses this client takes nothing over.
    const until = (isDone: () => boolean) =>
      drain
        ? this.#drain.until(
            () => this.#options.session.refusal !== undefined || isHopeless() || isAborted() || isDone(),
            deadline,
          )
        : true
    inboxes.stop(({ wasConfirmed }) => !wasConfirmed)
    // Other deliveries go on until the bus's own publishes are accepted: one may wait for room in a subscription of this bus.
    const areTaken = outbox.whetherTaken()
    const isTaken = (): boolean => ruled.size === 0 && areTaken()
    const isAnswered = this.#options.isEndedByHost ? () => true : calls.whetherLastingAnswered()
    await until(isTaken)
    inboxes.stop()
    const isInTime = await until(() => isAnswered() && this.#isDone)
    if (!isInTime || (isAborted() && !this.#isDone))
      this.#options.report(
        drainTimeout(
          isAborted() ? 'aborted' : timeout,
          inboxes.unsettled(),
          outbox.size + ruled.size,
          isAnswered() ? 0 : calls.lasting,
          0,
          inboxes.waiting(),
        ),
      )
    else if (isHopeless() && outbox.size > 0) this.#options.report(leftByHost(outbox.size))
    else this.#reportWaiting(drain)
  }

  #reportWaiting(drain: boolean): void {
    const waiting = drain ? this.#options.traffic.inboxes.waiting() : []
    if (waiting.length > 0)
      this.#options.report(leftWaiting(waiting, 'A subscription without a name ends with its bus.'))
  }

  get #isHostGone(): boolean {
    const { traffic, session, isHostEnded } = this.#options
    return traffic.inboxes.inHand === 0 && isHostEnded() && session.awayFor >= RESTART_MS
  }

  /**
   * The host has all verdicts; without a session they do not matter. Other frames that are on their way change nothing once the bus is
   * gone: no caller waits for an answer, and the goodbye gives back the same deliveries as an unsubscribe.
   */
  get #isDone(): boolean {
    const { traffic, session } = this.#options
    const { outbox, inboxes, ruled } = traffic
    return (
      outbox.isEmpty && ruled.size === 0 && inboxes.inHand === 0 && (!session.isKnown || !traffic.hasVerdicts)
    )
  }
}
