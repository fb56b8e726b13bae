import { ClosedError, ConsumerDiedError, NoResponderError, type MsgvanError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { goneFrom, type ReplyInbox } from '../actors/reply-inbox.js'
import type { Broker } from '../contract/broker.js'
import { Asked, ownTopic } from './asked.js'
import type { CheckedRequest } from './check-requests.js'
import { answerError } from './crossing-answer.js'
import type { Headers } from '../../message/envelope.js'
import type { Passage } from './passage.js'
import { watchHosts } from './host-deaths.js'
import { AGAIN, ANSWER, ASK, CANCEL, FROM, PROBE, type AnswerKind } from './request-messages.js'

/** Milliseconds between two looks at the requests that wait. */
const LOOK_MS = 1_000
/** A responder counts as gone when the van does not find its bus so often. */
const LOOKS_GONE = 2
/** Without a sign of its responder for longer, a request's asker asks for one. */
const SILENT_MS = 2_500
/** After a host's death its clients come back one after the other: for this long a missing responder is no error. */
const RETURN_MS = 5_000
const AGAIN_MS = 100

/** The requests of one bus that wait for their answers. */
export class Requests {
  readonly #broker: Broker
  readonly #inbox: ReplyInbox
  readonly #openInbox: () => void
  readonly #passage: Passage | undefined
  readonly #open = new Map<string, Asked>()
  /** After a lost session: the time until which a responder may come back. */
  #patientUntil = 0
  #looks: ReturnType<typeof setInterval> | undefined
  #lastId = 0
  #watchesHosts = false

  /** @param openInbox for the answers */
  constructor(broker: Broker, inbox: ReplyInbox, openInbox: () => void, passage: Passage | undefined) {
    this.#passage = passage
    this.#broker = broker
    this.#inbox = inbox
    this.#openInbox = openInbox
  }

  request(payload: unknown, request: CheckedRequest): Promise<unknown> {
    if (request.signal?.aborted === true) return Promise.reject(request.signal.reason as Error)
    this.#begin()
    this.#lastId += 1
    const asked = new Asked(String(this.#lastId), payload, request, (given, why) => this.#giveUp(given, why))
    this.#open.set(asked.id, asked)
    this.#send(asked)
    this.#lookOut()
    return asked.answer
  }

  /** Before the first request: later, a host that dies at once would not be missed. */
  #begin(): void {
    this.#openInbox()
    if (this.#watchesHosts) return
    this.#watchesHosts = true
    watchHosts(this.#broker, () => this.#hostLeft())
  }

  /** A message to the asker. */
  read(message: Message): void {
    const gone = goneFrom(message)
    if (gone !== undefined) return this.#gone(gone)
    const { [ASK]: id = '', [ANSWER]: kind, [FROM]: from } = message.headers
    const asked = this.#open.get(id)
    if (asked !== undefined) this.#answered(asked, kind as AnswerKind, message)
    // Its responder may not know that its asker has given up.
    else if (kind === 'working' && from !== undefined) this.#cancel(id, from)
  }

  /** The van may have lost what it had accepted. */
  lapsed(): void {
    this.#patientUntil = performance.now() + RETURN_MS
    // The outbox itself sends again what the van has not accepted.
    for (const asked of [...this.#open.values()]) if (asked.isTaken) this.#sendAgain(asked)
  }

  end(error: MsgvanError | undefined): void {
    clearInterval(this.#looks)
    const all = [...this.#open.values()]
    this.#open.clear()
    for (const asked of all)
      asked.reject(error ?? new ClosedError('The bus was closed before the answer came.'))
  }

  #send(asked: Asked): void {
    const { id, deaths, wasGiven } = asked
    asked.isTaken = false
    asked.worker = undefined
    asked.looksGone = 0
    const again = wasGiven ? { [AGAIN]: String(deaths) } : {}
    const headers = { [FROM]: this.#inbox.address, [ASK]: id, ...again }
    try {
      this.#sendOn(asked, headers).then(
        () => (asked.isTaken = true),
        (error: unknown) => this.#reject(asked, error),
      )
    } catch (error) {
      this.#reject(asked, error)
    }
  }

  #sendOn(asked: Asked, headers: Headers): Promise<void> {
    const { payload, request, id } = asked
    if (this.#passage === undefined) return this.#inbox.send(request.topic, payload, headers)
    return this.#passage.request(asked, headers, () => this.#open.has(id))
  }

  /** It may be with a responder, too. */
  #sendAgain(asked: Asked): void {
    asked.wasGiven = true
    this.#send(asked)
  }

  #answered(asked: Asked, kind: AnswerKind, message: Message): void {
    switch (kind) {
      case 'value':
        return this.#resolve(asked, message)
      case 'error':
        return this.#reject(asked, answerError(message))
      case 'working':
        asked.worker = message.headers[FROM]
        asked.heardAt = performance.now()
        asked.looksGone = 0
        return
      case 'no-responder':
        return this.#noResponder(asked)
      case 'left':
        return this.#left(asked)
      case 'died':
        return this.#died(asked)
    }
  }

  #resolve(asked: Asked, message: Message): void {
    if (!this.#open.delete(asked.id)) return
    try {
      asked.resolve(this.#passage === undefined ? message.payload : this.#passage.payloadOf(message, asked))
    } catch (error) {
      asked.reject(error)
    }
  }

  #reject(asked: Asked, error: unknown): void {
    if (this.#open.delete(asked.id)) asked.reject(error)
  }

  #noResponder(asked: Asked): void {
    if (performance.now() < this.#patientUntil) return this.#later(asked, AGAIN_MS)
    const topic = JSON.stringify(ownTopic(asked.request.topic))
    const text = `No bus in this van answers requests on ${topic}. Start a process that does: bus.reply(${topic}, message => …).`
    this.#reject(asked, new NoResponderError(text, asked.deaths > 0 ? { cause: died(asked) } : {}))
  }

  /** Its responder has withdrawn, which is no death: another one gets it. */
  #left(asked: Asked): void {
    asked.returns += 1
    asked.wasGiven = true
    // At first at once; a host whose news of others are late must not make a storm.
    if (asked.returns === 1) this.#send(asked)
    else this.#later(asked, Math.min(AGAIN_MS, 5 * asked.returns))
  }

  #died(asked: Asked): void {
    asked.deaths += 1
    if (asked.deaths >= asked.request.attempts) this.#reject(asked, died(asked))
    else this.#sendAgain(asked)
  }

  #later(asked: Asked, ms: number): void {
    setTimeout(() => {
      if (this.#open.has(asked.id)) this.#send(asked)
    }, ms)
  }

  /** The van does not find a responder's bus: after a restart, a host learns of its buses one after the other. */
  #gone(address: string): void {
    for (const asked of [...this.#open.values()]) {
      if (asked.worker !== address) continue
      asked.looksGone += 1
      if (asked.looksGone >= LOOKS_GONE) this.#died(asked)
    }
  }

  /** It may have had requests. Those whose responder is known are found by their probes. */
  #hostLeft(): void {
    for (const asked of [...this.#open.values()])
      if (asked.isTaken && asked.worker === undefined) this.#sendAgain(asked)
  }

  #giveUp(asked: Asked, why: unknown): void {
    const { worker } = asked
    this.#reject(asked, why)
    if (worker !== undefined) this.#cancel(asked.id, worker)
  }

  #cancel(id: string, worker: string): void {
    this.#inbox.post(worker, undefined, { [CANCEL]: id, [FROM]: this.#inbox.address }).catch(() => undefined)
  }

  #lookOut(): void {
    if (this.#looks !== undefined) return
    this.#looks = setInterval(() => this.#look(), LOOK_MS)
    // The timer does not keep the process alive. A browser's timer is a number.
    if (typeof this.#looks === 'object') this.#looks.unref()
  }

  #look(): void {
    const now = performance.now()
    for (const { id, worker, heardAt } of this.#open.values()) {
      if (worker === undefined || now - heardAt < SILENT_MS) continue
      const headers = { [PROBE]: id, [FROM]: this.#inbox.address }
      this.#inbox.post(worker, undefined, headers).catch(() => undefined)
    }
    if (this.#open.size > 0) return
    clearInterval(this.#looks)
    this.#looks = undefined
  }
}

function died({ deaths, request }: Asked): ConsumerDiedError {
  const who = deaths === 1 ? 'The responder' : `${deaths} responders`
  return new ConsumerDiedError(
    `${who} died at work on the request ${JSON.stringify(ownTopic(request.topic))}.`,
  )
}
