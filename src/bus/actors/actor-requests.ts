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
  TimeoutError,
} from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import { Message } from '../../message/message.js'
import type { DeadLetter } from '../contract/dead-letters.js'
import { CODE, FROM, type ReplyInbox } from './reply-inbox.js'

/** Headers of letters between those who ask and those who answer. */
export const ASK = '$ask'
const ANSWER = '$answer'
const CANCEL = '$cancel'

/** `next` and `done` in one letter: most questions have one answer. */
type Kind = 'next' | 'last' | 'done' | 'error'

/** A timer of more would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1

export interface Question {
  readonly topic: string
  readonly payload: unknown
  readonly headers?: Headers | undefined
  /** Milliseconds until the first answer, and between answers. */
  readonly timeout: number
  /** Who is asked, for people. */
  readonly whom: string
}

interface Asked {
  readonly subscriber: Subscriber<unknown>
  /** Where to tell that no more answers are wanted. */
  answerer: string | undefined
}

/** Whether somebody waits for an answer to this message. */
export function isQuestion({ headers }: Message): boolean {
  return ASK in headers && FROM in headers
}

/** Headers of the letter that gives a message back to who asked: its payload is a DeadLetter. Undefined if nobody did. */
export function returnHeaders({ headers }: { headers: Headers }, code: string): Headers | undefined {
  const ask = headers[ASK]
  return ask === undefined ? undefined : { [ASK]: ask, [ANSWER]: 'error', [CODE]: code }
}

/** Where answers to a message go. */
export function replyTopic(headers: Headers): string | undefined {
  return headers[FROM]
}

/** Questions and answers of one bus, as messages to and from a topic of its own. */
export class ActorRequests {
  readonly #letterbox: ReplyInbox
  readonly #asked = new Map<string, Asked>()
  /** What this bus is answering: by whom it was asked, how to stop. */
  readonly #answering = new Map<string, () => void>()
  #lastId = 0

  constructor(letterbox: ReplyInbox) {
    this.#letterbox = letterbox
  }

  /** Cold: asks at each subscription. */
  ask({ topic, payload, headers, timeout, whom }: Question): Observable<unknown> {
    const answers$ = new Observable<unknown>(subscriber => {
      this.#open()
      this.#lastId += 1
      const id = String(this.#lastId)
      const asked: Asked = { subscriber, answerer: undefined }
      this.#asked.set(id, asked)
      subscriber.add(() => {
        // Still there: it was not answered to the end.
        if (this.#asked.delete(id) && asked.answerer !== undefined) this.#cancel(id, asked.answerer)
      })
      this.#letterbox
        .post(topic, payload, { ...headers, [FROM]: this.#letterbox.address, [ASK]: id })
        .catch((error: unknown) => {
          this.#asked.delete(id)
          subscriber.error(error)
        })
    })
    if (timeout > LONGEST_TIMER) return answers$
    const late = () =>
      throwError(
        () => new TimeoutError(`${whom} did not answer within ${timeout} ms. Give it more \`timeout\`.`),
      )
    return answers$.pipe(timeoutAfter({ each: timeout, with: late }))
  }

  /**
   * Sends on to whoever asked with `message` what the given Observable emits, and passes it through. An error is passed
   * through only: it fails the message, and the van tells the asker when it gives up.
   */
  answer<A>(message: Message, answers$: Observable<A>): Observable<A> {
    const { [FROM]: to, [ASK]: id } = message.headers
    if (to === undefined || id === undefined) return answers$
    return new Observable<A>(subscriber => {
      const key = `${to}#${id}`
      this.#open()
      this.#answering.set(key, () => subscriber.complete())
      subscriber.add(() => this.#answering.delete(key))
      /** Held back for a moment: it may turn out to be the last. */
      let held: { readonly value: A } | undefined
      const send = (kind: Kind, payload?: A): void => {
        held = undefined
        const headers = {
          [ASK]: id,
          [ANSWER]: kind,
          ...(kind === 'next' ? { [FROM]: this.#letterbox.address } : {}),
        }
        this.#letterbox.post(to, payload, headers).catch((error: unknown) => {
          // One that cannot be carried, as a rule. After the last one there is no message left to fail.
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

  /** Tells who asked that no answer will come. */
  refuse({ headers }: Message, error: unknown): void {
    const { [FROM]: to, [ASK]: id } = headers
    if (to === undefined || id === undefined) return
    const code = error instanceof MsgvanError ? { [CODE]: error.code } : {}
    this.#letterbox
      .post(to, { error: describe(error) }, { [ASK]: id, [ANSWER]: 'error', ...code })
      .catch(() => undefined)
  }

  /** Before the first letter goes out, so that the answer finds somebody. */
  #open(): void {
    this.#letterbox.open({
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
      // Nobody wants it any more, and who answers may not know.
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
      // What came is no payload.
      subscriber.error(error)
    }
  }

  #cancel(id: string, answerer: string): void {
    this.#letterbox
      .post(answerer, undefined, { [CANCEL]: id, [FROM]: this.#letterbox.address })
      .catch(() => undefined)
  }

  #end(error: MsgvanError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { subscriber } of asked) subscriber.error(error)
  }
}

/** What came back instead of an answer, as the error that it is. */
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
