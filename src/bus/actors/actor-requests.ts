import type { Subscriber } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { throwError } from 'rxjs/internal/observable/throwError'
import { timeout as timeoutAfter } from 'rxjs/internal/operators/timeout'
import {
  ActorError,
  ActorStoppedError,
  ClosedError,
  describe,
  errorFromCode,
  MsgvanError,
  RemoteError,
  TakenAwayError,
  TimeoutError,
} from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import { Message } from '../../message/message.js'
import type { DeadLetter } from '../contract/dead-letters.js'
import { CODE, FROM, type ReplyInbox } from './reply-inbox.js'

/** Headers of questions and answers. */
export const ASK = '$ask'
const ANSWER = '$answer'
const CANCEL = '$cancel'

/** `last` is `next` and `done` in one message: most questions have one answer. */
type Kind = 'next' | 'last' | 'done' | 'error'

/** Node fires a longer timer at once. */
const LONGEST_TIMER = 2 ** 31 - 1

export interface Question {
  readonly topic: string
  readonly payload: unknown
  readonly headers?: Headers | undefined
  /** Milliseconds until the first answer, and between answers. */
  readonly timeout: number
  /** The asked actor, for texts. */
  readonly target: string
}

interface Asked {
  readonly subscriber: Subscriber<unknown>
  /** The address that gets the cancellation. */
  answerer: string | undefined
}

/** Whether the sender waits for an answer to this message. */
export function isQuestion({ headers }: Message): boolean {
  return ASK in headers && FROM in headers
}

/**
 * Headers of the message that returns a question to its asker, with a DeadLetter as payload. Undefined if it is not a
 * question.
 */
export function returnHeaders({ headers }: { headers: Headers }, code: string): Headers | undefined {
  const ask = headers[ASK]
  return ask === undefined ? undefined : { [ASK]: ask, [ANSWER]: 'error', [CODE]: code }
}

/** The topic for answers to a message. */
export function replyTopic(headers: Headers): string | undefined {
  return headers[FROM]
}

/** Questions and answers of one bus, over its reply inbox. */
export class ActorRequests {
  readonly #inbox: ReplyInbox
  readonly #asked = new Map<string, Asked>()
  /** Stops the answers that this bus is giving, by asker and question. */
  readonly #answering = new Map<string, () => void>()
  #lastId = 0

  constructor(inbox: ReplyInbox) {
    this.#inbox = inbox
  }

  /** Cold: asks at each subscription. */
  ask({ topic, payload, headers, timeout, target }: Question): Observable<unknown> {
    const answers$ = new Observable<unknown>(subscriber => {
      this.#open()
      this.#lastId += 1
      const id = String(this.#lastId)
      const asked: Asked = { subscriber, answerer: undefined }
      this.#asked.set(id, asked)
      subscriber.add(() => {
        // The answer is not complete.
        if (this.#asked.delete(id) && asked.answerer !== undefined) this.#cancel(id, asked.answerer)
      })
      this.#inbox
        .post(topic, payload, { ...headers, [FROM]: this.#inbox.address, [ASK]: id })
        .catch((error: unknown) => {
          this.#asked.delete(id)
          subscriber.error(error)
        })
    })
    if (timeout > LONGEST_TIMER) return answers$
    const late = () =>
      throwError(
        () =>
          new TimeoutError(
            `${target} did not answer within ${timeout} ms. Raise \`timeout\` if it needs longer.`,
          ),
      )
    return answers$.pipe(timeoutAfter({ each: timeout, with: late }))
  }

  /**
   * Sends the values of the given Observable to the asker of `message`, and passes them through. An error only passes
   * through: it fails the message, and the van informs the asker after the last attempt.
   */
  answer<A>(message: Message, answers$: Observable<A>): Observable<A> {
    const { [FROM]: to, [ASK]: id } = message.headers
    if (to === undefined || id === undefined) return answers$
    return new Observable<A>(subscriber => {
      const key = `${to}#${id}`
      this.#open()
      this.#answering.set(key, () => {
        Message.abort(message, new TakenAwayError('The asker is gone: it waits for no more answers.'))
        subscriber.complete()
      })
      subscriber.add(() => this.#answering.delete(key))
      /** Held back for a moment, because it may be the last one. */
      let held: { readonly value: A } | undefined
      const send = (kind: Kind, payload?: A): void => {
        held = undefined
        const headers = {
          [ASK]: id,
          [ANSWER]: kind,
          ...(kind === 'next' ? { [FROM]: this.#inbox.address } : {}),
        }
        this.#inbox.post(to, payload, headers).catch((error: unknown) => {
          // Usually a value that cannot cross. After the last value the message cannot fail any more.
          if (subscriber.closed) this.refuse(message, error)
          else subscriber.error(error)
        })
      }
      subscriber.add(
        answers$.subscribe({
          next: value => {
            if (held !== undefined) send('next', held.value)
            const now = { value }
            held = now
            queueMicrotask(() => {
              if (held === now) send('next', value)
            })
            subscriber.next(value)
          },
          error: (error: unknown) => {
            if (held !== undefined) send('next', held.value)
            subscriber.error(error)
          },
          complete: () => {
            if (held === undefined) send('done')
            else send('last', held.value)
            subscriber.complete()
          },
        }),
      )
    })
  }

  /** Informs the asker that no answer will come. */
  refuse({ headers }: Message, error: unknown): void {
    const { [FROM]: to, [ASK]: id } = headers
    if (to === undefined || id === undefined) return
    const code = error instanceof MsgvanError ? { [CODE]: error.code } : {}
    this.#inbox
      .post(to, { error: describe(error) }, { [ASK]: id, [ANSWER]: 'error', ...code })
      .catch(() => undefined)
  }

  /** Call it before the first message goes out, so that the answer has a receiver. */
  #open(): void {
    this.#inbox.open({
      read: message => this.#read(message),
      ended: error => this.#end(error ?? new ClosedError('The bus was closed before the answer came.')),
    })
  }

  #read(message: Message): void {
    const { [ASK]: id, [ANSWER]: kind, [FROM]: from, [CANCEL]: cancelled } = message.headers
    if (cancelled !== undefined) return this.#answering.get(`${from ?? ''}#${cancelled}`)?.()
    if (id === undefined) return
    const asked = this.#asked.get(id)
    if (asked === undefined) {
      // The asker has gone, and the answering side may not know.
      if (from !== undefined) this.#cancel(id, from)
      return
    }
    asked.answerer = from
    this.#pass(id, asked.subscriber, kind as Kind, message)
  }

  #pass(id: string, subscriber: Subscriber<unknown>, kind: Kind, message: Message): void {
    if (kind !== 'next') this.#asked.delete(id)
    try {
      if (kind === 'next' || kind === 'last') subscriber.next(message.payload)
      else if (kind === 'error') subscriber.error(failure(message))
      if (kind === 'last' || kind === 'done') subscriber.complete()
    } catch (error) {
      // The payload cannot be read.
      subscriber.error(error)
    }
  }

  #cancel(id: string, answerer: string): void {
    this.#inbox
      .post(answerer, undefined, { [CANCEL]: id, [FROM]: this.#inbox.address })
      .catch(() => undefined)
  }

  #end(error: MsgvanError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { subscriber } of asked) subscriber.error(error)
  }
}

/** The error that came in place of an answer. */
function failure(message: Message): MsgvanError {
  const { error, payload } = message.payload as Partial<DeadLetter>
  const text = error ?? describe(message.payload)
  switch (message.headers[CODE]) {
    case 'MSGVAN_ACTOR':
      return new ActorError(text, payload)
    case 'MSGVAN_ACTOR_STOPPED':
      return new ActorStoppedError(text, payload)
    case undefined:
      return new RemoteError(text)
    default:
      return errorFromCode(message.headers[CODE], text)
  }
}
