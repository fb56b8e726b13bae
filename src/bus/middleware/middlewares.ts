import { MiddlewareError } from '../../errors.js'
import { ignoreRejection, isPromise } from '../../message/check-option.js'
import type { Message } from '../../message/message.js'
import { isSystemTopic } from '../../message/topic.js'
import { caught } from '../caught.js'
import type { CloseOptions, Consumer } from '../contract/broker.js'
import { onAbort } from '../ending/on-abort.js'
import { longTimeout } from '../long-timeout.js'
import { change, changed } from './changes.js'
import type { Middleware, MiddlewareKind, OutgoingMessage } from './middleware.js'
import { Turns, type Turn } from './turns.js'

type Publisher = Required<Pick<Middleware, 'publish'>>
type Deliverer = Required<Pick<Middleware, 'deliver'>>
type SendOn = (message: OutgoingMessage) => Promise<void>

/** The middleware of one bus. */
export class Middlewares {
  readonly #publishers: readonly Publisher[]
  /** In the order of calls, the reverse of `use`. */
  readonly #deliverers: readonly Deliverer[]
  readonly #turns = new Turns()
  /** A middleware works on it on this very call stack. */
  #running: Turn | undefined

  constructor(all: readonly Middleware[]) {
    this.#publishers = all.filter((each): each is Publisher => each.publish !== undefined)
    this.#deliverers = all.filter((each): each is Deliverer => each.deliver !== undefined).reverse()
  }

  /**
   * Passes a message out, in the order of the calls.
   *
   * @param send is not called when a middleware leaves the message out
   */
  async outgoing(kind: MiddlewareKind, message: OutgoingMessage, send: SendOn): Promise<void> {
    const turn = this.#turns.enter(this.#running)
    const outcome = { isSent: false }
    const last: SendOn = given =>
      this.#turns.pass(turn, () => {
        outcome.isSent = true
        return send(given)
      })
    try {
      await this.#whileRunning(turn, () => this.#publish(0, kind, Object.freeze(message), last))
    } finally {
      this.#turns.leave(turn)
    }
    if (!outcome.isSent && kind !== 'message')
      throw new MiddlewareError(
        `A middleware left out the ${kind} on ${JSON.stringify(message.topic)}: its publish() ended without next().`,
      )
  }

  /** A publish that a middleware makes at once comes before the message in its hands, which may wait for it. */
  #whileRunning(turn: Turn, run: () => Promise<void>): Promise<void> {
    const before = this.#running
    this.#running = turn
    try {
      return run()
    } finally {
      this.#running = before
    }
  }

  #publish(at: number, kind: MiddlewareKind, message: OutgoingMessage, last: SendOn): Promise<void> {
    const middleware = this.#publishers[at]
    if (middleware === undefined) return last(message)
    let passed: Promise<void> | undefined
    let isOver = false
    const returned: unknown = middleware.publish(
      message,
      changes => {
        if (isOver || passed !== undefined) throw calledAgain('publish')
        const given = changed(message, changes)
        passed = caught(this.#publish(at + 1, kind, given, last), undefined)
        return passed
      },
      kind,
    )
    if (isPromise(returned)) {
      const ended = (): void => {
        isOver = true
      }
      const outcome = Promise.resolve(returned).then(() => undefined)
      outcome.then(ended, ended)
      return outcome
    }
    isOver = true
    return passed ?? Promise.resolve()
  }

  /**
   * Passes a message in.
   *
   * @returns whether `take` was called
   * @throws the error of a middleware, or of `take`
   */
  incoming(kind: MiddlewareKind, message: Message, take: () => void): boolean {
    let isTaken = false
    this.#deliver(0, kind, message, () => {
      isTaken = true
      take()
    })
    return isTaken
  }

  #deliver(at: number, kind: MiddlewareKind, message: Message, take: () => void): void {
    const middleware = this.#deliverers[at]
    if (middleware === undefined) return take()
    let isOver = false
    const returned: unknown = middleware.deliver(
      message,
      changes => {
        if (isOver) throw calledAgain('deliver')
        change(message, changes)
        isOver = true
        this.#deliver(at + 1, kind, message, take)
      },
      kind,
    )
    isOver = true
    if (!isPromise(returned)) return
    ignoreRejection(returned)
    throw new MiddlewareError(
      'deliver() of a middleware is synchronous, and this one returned a promise. Put asynchronous work into handle().',
    )
  }

  /** The consumer gets what the middleware lets through. @param failed a middleware threw */
  around<C extends Consumer>(consumer: C, failed: (message: Message, error: unknown) => void): C {
    if (this.#deliverers.length === 0) return consumer
    const take = consumer.next.bind(consumer)
    consumer.next = message => {
      if (isSystemTopic(message.topic)) return take(message)
      try {
        if (!this.incoming('message', message, () => take(message))) message.ack()
      } catch (error) {
        failed(message, error)
      }
    }
    return consumer
  }

  /** Waits for publishes in the middleware. @returns the options for the rest of the drain; undefined: it waits for none */
  drain(options: CloseOptions): Promise<CloseOptions> | undefined {
    const { drain = true, timeout = 10_000, signal } = options
    const idle = drain ? this.#turns.idle() : undefined
    if (idle === undefined) return undefined
    const since = performance.now()
    return new Promise(resolve => {
      const over = (): void => {
        cancel()
        ignore?.()
        resolve({ ...options, timeout: Math.max(0, timeout - (performance.now() - since)) })
      }
      const cancel = longTimeout(over, timeout)
      const ignore = signal === undefined ? undefined : onAbort(signal, over)
      void idle.then(over)
    })
  }
}

function calledAgain(what: string): MiddlewareError {
  return new MiddlewareError(
    `A middleware calls next() once, before its ${what}() ends: this was a second call, or it came too late.`,
  )
}
