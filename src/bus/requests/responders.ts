import { EMPTY } from 'rxjs/internal/observable/empty'
import { Subscription } from 'rxjs/internal/Subscription'
import { describe, RemoteError, type MsgvanError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { handle } from '../../operators/handle.js'
import type { Headers } from '../../message/envelope.js'
import { goneFrom, inboxRequest, type ReplyInbox } from '../actors/reply-inbox.js'
import type { Broker } from '../contract/broker.js'
import { TopicObservable } from '../topic/topic-observable.js'
import { TopicSource } from '../topic/topic-source.js'
import { Answering, askerOf, type AnswerSender, type Responder } from './answering.js'
import type { CheckedReply } from './check-requests.js'
import type { Passage } from './passage.js'
import { errorPayloads } from './crossing-answer.js'
import { ANSWER, ASK, CANCEL, CODE, FROM, PROBE, type AnswerKind } from './request-messages.js'

/** Milliseconds between two looks at the work. Work that takes longer is reported to its asker. */
const LOOK_MS = 100
/** The asker hears of work as often as that. */
const TELL_MS = 1_000
/** An asker counts as gone when the van does not find its bus so often. */
const LOOKS_GONE = 2

/** The responders of one bus, and their work. */
export class Responders implements AnswerSender {
  readonly #broker: Broker
  readonly #inbox: ReplyInbox
  readonly #openInbox: () => void
  readonly #passage: Passage | undefined
  readonly #working = new Map<string, Answering>()
  #looks: ReturnType<typeof setInterval> | undefined

  /** @param openInbox for news of askers */
  constructor(broker: Broker, inbox: ReplyInbox, openInbox: () => void, passage: Passage | undefined) {
    this.#passage = passage
    this.#broker = broker
    this.#inbox = inbox
    this.#openInbox = openInbox
  }

  reply({ pattern, name, concurrency }: CheckedReply, responder: Responder): Subscription {
    this.#openInbox()
    const request = {
      ...inboxRequest(''),
      ...{ pattern, name, prefetch: concurrency, overflow: 'error' as const },
    }
    const requests$ = new TopicObservable<Message>(new TopicSource(this.#broker, request, {}))
    const replying = new Subscription()
    const work = requests$.pipe(
      handle(message => this.#work(message, responder), { concurrency, attempts: 1 }),
    )
    replying.add(
      work.subscribe({
        error: (error: unknown) => {
          this.#broker.report(error as MsgvanError)
          replying.unsubscribe()
        },
        complete: () => replying.unsubscribe(),
      }),
    )
    return replying
  }

  /** A message about work of this bus. @returns whether it was one */
  read(message: Message): boolean {
    const { [CANCEL]: cancelled, [PROBE]: probed, [FROM]: from = '' } = message.headers
    const gone = goneFrom(message)
    if (gone !== undefined)
      for (const answering of this.#working.values())
        if (answering.to === gone) answering.isAskerMissing = true
    if (cancelled !== undefined) this.#working.get(keyOf(from, cancelled))?.cancel()
    if (probed !== undefined) this.#probed(from, probed)
    return cancelled !== undefined || probed !== undefined
  }

  end(): void {
    clearInterval(this.#looks)
  }

  value(to: string, id: string, value: unknown, topic: string): void {
    this.#sendValue(to, id, value, topic).catch((error: unknown) => this.error(to, id, error))
  }

  #sendValue(to: string, id: string, value: unknown, topic: string): Promise<void> {
    if (this.#passage === undefined) return this.#send(to, id, 'value', value)
    return this.#passage.answer(to, topic, value, { [ASK]: id, [ANSWER]: 'value' })
  }

  error(to: string, id: string, error: unknown): void {
    const { code, payloads } = errorPayloads(error)
    const [full, brief] = payloads
    this.#send(to, id, 'error', full, { [CODE]: code })
      .catch(() => this.#send(to, id, 'error', brief, { [CODE]: code }))
      .catch((why: unknown) => {
        const text = `The answer to a request cannot be sent: ${describe(why)}`
        this.#broker.report(new RemoteError(text, { cause: why }))
      })
  }

  #work(message: Message, responder: Responder) {
    const asker = askerOf(message)
    if (asker === undefined) return EMPTY
    const key = keyOf(asker.to, asker.id)
    // Asked again, because the asker could not know that it is at work here.
    if (this.#working.has(key)) return EMPTY
    const answering = new Answering(asker.to, asker.id, this)
    this.#working.set(key, answering)
    this.#lookOut()
    return answering.work(message, this.#passage?.responder(responder) ?? responder, () =>
      this.#working.delete(key),
    )
  }

  /** Its asker wonders whether it is still at work. */
  #probed(from: string, id: string): void {
    const kind = this.#working.has(keyOf(from, id)) ? 'working' : 'left'
    this.#tell(from, id, kind)
  }

  #tell(to: string, id: string, kind: AnswerKind): void {
    this.#send(to, id, kind, undefined, { [FROM]: this.#inbox.address }).catch(() => undefined)
  }

  #send(to: string, id: string, kind: AnswerKind, payload: unknown, more: Headers = {}): Promise<void> {
    return this.#inbox.post(to, payload, { [ASK]: id, [ANSWER]: kind, ...more })
  }

  #lookOut(): void {
    if (this.#looks !== undefined) return
    this.#looks = setInterval(() => this.#look(), LOOK_MS)
    // The timer does not keep the process alive. A browser's timer is a number.
    if (typeof this.#looks === 'object') this.#looks.unref()
  }

  #look(): void {
    const now = performance.now()
    for (const answering of [...this.#working.values()]) {
      const { since, toldAt, to, id, isAskerMissing, looksGone } = answering
      if (now - since < LOOK_MS || now - toldAt < TELL_MS) continue
      answering.toldAt = now
      answering.looksGone = isAskerMissing ? looksGone + 1 : 0
      answering.isAskerMissing = false
      if (answering.looksGone >= LOOKS_GONE) answering.cancel()
      else this.#tell(to, id, 'working')
    }
    if (this.#working.size > 0) return
    clearInterval(this.#looks)
    this.#looks = undefined
  }
}

const keyOf = (to: string, id: string): string => `${to}#${id}`
