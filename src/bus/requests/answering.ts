import type { Subscriber } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { of } from 'rxjs/internal/observable/of'
import { take } from 'rxjs/internal/operators/take'
import { TakenAwayError } from '../../errors.js'
import { asRequest, Message } from '../../message/message.js'
import { isPromise } from '../../message/check-option.js'
import { innerFromInput } from '../../operators/inner-from-input.js'
import { REQUESTS } from '../../message/topic.js'
import { AGAIN, ASK, FROM, ownHeaders } from './request-messages.js'

export type Responder = (message: Message) => unknown

/** Sends what became of a request. */
export interface AnswerSender {
  /** @param topic of the request */
  value(to: string, id: string, value: unknown, topic: string): void
  error(to: string, id: string, error: unknown): void
}

/** One request in work. */
export class Answering {
  readonly #sender: AnswerSender
  readonly since = performance.now()
  /** The last time that the asker was informed of it. */
  toldAt = -Infinity
  /** The van did not find the asker's bus the last time. */
  isAskerMissing = false
  /** How often in a row. */
  looksGone = 0
  #message: Message | undefined
  #isOver = false
  #subscriber: Subscriber<never> | undefined

  constructor(
    readonly to: string,
    readonly id: string,
    sender: AnswerSender,
  ) {
    this.#sender = sender
  }

  /** The work as an Observable: it completes when the answer is on its way. The first value is the answer. */
  work(message: Message, responder: Responder, over: () => void): Observable<never> {
    return new Observable<never>(subscriber => {
      this.#subscriber = subscriber
      subscriber.add(over)
      subscriber.add(() => this.#abort('The responder does not have this request any more.'))
      this.#message = message
      present(message)
      let answer: unknown
      try {
        const first$ = answers(responder(message)).pipe(take(1))
        const inner = first$.subscribe({
          next: value => {
            answer = value
          },
          error: (error: unknown) => this.#end(subscriber, () => this.#sender.error(this.to, this.id, error)),
          complete: () =>
            this.#end(subscriber, () => this.#sender.value(this.to, this.id, answer, message.topic)),
        })
        subscriber.add(inner)
      } catch (error) {
        this.#end(subscriber, () => this.#sender.error(this.to, this.id, error))
      }
    })
  }

  /** Its asker has given up, or is gone: no answer is wanted. */
  cancel(): void {
    this.#abort('The asker has given up this request.')
    this.#subscriber?.complete()
  }

  #end(subscriber: Subscriber<never>, send: () => void): void {
    if (subscriber.closed) return
    this.#isOver = true
    // Before the ack: a process that dies between the two is asked again.
    send()
    subscriber.complete()
  }

  #abort(why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#message !== undefined) Message.abort(this.#message, new TakenAwayError(why))
  }
}

/** Unlike in RxJS, an array or another collection is one answer, not many. */
function answers(result: unknown): Observable<unknown> {
  const isCollection = typeof result === 'object' && result !== null && Symbol.iterator in result
  return isCollection && !isPromise(result) ? of(result) : innerFromInput(result)
}

/** The message as the responder sees it. */
function present(message: Message): void {
  const { topic, headers, redelivered } = message
  const again = headers[AGAIN]
  const seen = {
    topic: topic.slice(REQUESTS.length),
    headers: ownHeaders(headers),
    attempt: 1 + Number(again ?? 0),
    redelivered: redelivered || again !== undefined,
  }
  asRequest(message, seen)
}

/** Undefined for a message without an address for the answer. */
export function askerOf({
  headers: { [FROM]: to, [ASK]: id },
}: Message): { to: string; id: string } | undefined {
  return to === undefined || id === undefined ? undefined : { to, id }
}
