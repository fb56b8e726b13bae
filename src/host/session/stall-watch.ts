import type { Membership } from '../../bus/contract/broker.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'

/** The host's own account of one consumer. */
export interface HostBooks {
  /** Messages that wait without a reason: not for a retry, and not for their publisher's turn. */
  readonly waiting: number
  /** Handed to it and not settled. */
  readonly inFlight: number
  /** It may get more. */
  readonly hasCredit: boolean
  /** The subscription is at this host, which answers the client's questions. */
  readonly isHere: boolean
}

export function hostBooks(membership: Membership | undefined, inFlight: number): HostBooks {
  return {
    waiting: membership?.ready ?? 0,
    inFlight,
    hasCredit: membership?.hasCredit === true,
    isHere: membership?.ready !== undefined,
  }
}

/** A watched consumer. */
export interface Watched {
  readonly subscription: number
  /** Changes with every hand-over, begin and settlement; undefined while it holds nothing and is owed nothing. */
  readonly progress: string | undefined
  readonly books: HostBooks
}

/** A client's watched session. */
export interface WatchedSession {
  readonly isConnected: boolean
  /** For people: a description of the consumer. */
  readonly describe: (subscription: number) => string
  readonly consumers: Iterable<Watched>
  /** Asks the client for its account. Never settles if the client does not answer. */
  askBooks(subscription: number): Promise<ConsumerBooks>
}

interface Stand {
  readonly progress: string
  readonly since: number
  /** The fault at the last look: a blocked process has an answer to wait for once it runs again. */
  fault: string | undefined
  isReported: boolean
}

/** A consumer with free places and owed messages makes progress within this time. */
export const STALL_MS = 10_000

/**
 * Finds consumers that stand still although nothing is in their way: a fault of msgvan. It looks now and then, and asks
 * a client only without progress; it does nothing for a message.
 */
export class StallWatch {
  readonly #sessions: () => Iterable<WatchedSession>
  readonly #warn: (text: string) => void
  readonly #limit: number
  readonly #timer: NodeJS.Timeout
  readonly #stands = new Map<Watched, Stand>()

  constructor(
    sessions: () => Iterable<WatchedSession>,
    warn: (text: string) => void,
    limit: number = STALL_MS,
  ) {
    this.#sessions = sessions
    this.#warn = warn
    this.#limit = limit
    this.#timer = setInterval(() => this.#look(), limit / 2).unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#stands.clear()
  }

  #look(): void {
    const now = performance.now()
    const seen = new Set<Watched>()
    for (const session of this.#sessions()) {
      // A consumer that is cut off waits for its connection, which is reported elsewhere.
      if (!session.isConnected) continue
      for (const consumer of session.consumers) {
        const { progress } = consumer
        if (progress === undefined) continue
        seen.add(consumer)
        const stand = this.#stands.get(consumer)
        if (stand?.progress !== progress)
          this.#stands.set(consumer, { progress, since: now, fault: undefined, isReported: false })
        else if (!stand.isReported) this.#ask(session, consumer, stand)
      }
    }
    for (const consumer of this.#stands.keys()) if (!seen.has(consumer)) this.#stands.delete(consumer)
  }

  #ask(session: WatchedSession, consumer: Watched, stand: Stand): void {
    void session.askBooks(consumer.subscription).then(theirs => {
      if (consumer.progress !== stand.progress || stand.isReported) return
      const ours = consumer.books
      const fault = faultOf(ours, theirs)
      const isAgain = fault === stand.fault
      stand.fault = fault
      const passed = performance.now() - stand.since
      if (fault === undefined || !isAgain || passed < this.#limit) return
      stand.isReported = true
      const seconds = Math.round(passed / 1_000)
      this.#warn(
        `${session.describe(consumer.subscription)} stands still for ${seconds} s: ${fault}. ` +
          `The host: ${ours.waiting} wait, ${ours.inFlight} are in flight, ${ours.hasCredit ? 'it may have more' : 'it may not have more'}. ` +
          `The consumer: ${theirs.line} in its queue, ${theirs.open} handed out, ${theirs.waiting} of them wait in handle, ${theirs.places} places free` +
          `${theirs.takes ? '' : ', it takes none'}${theirs.asks ? ', it waits for an answer of the host' : ''}. This is a fault of msgvan: please report it.`,
      )
    })
  }
}

/** The fault, if there is one: a consumer that works, or simply does not settle, is not a fault of msgvan. */
function faultOf(ours: HostBooks, theirs: ConsumerBooks): string | undefined {
  if (theirs.line + theirs.open < ours.inFlight) return 'it does not have the messages that were handed to it'
  if (theirs.asks && ours.isHere) return 'it waits for an answer that does not come'
  if (theirs.takes && theirs.line > 0) return 'its messages are there and are not handed out'
  if (theirs.waiting > 0 && theirs.places > 0) return 'handle has free places and begins nothing'
  if (ours.waiting > 0 && ours.hasCredit) return 'messages wait for it and are not sent'
  return undefined
}
