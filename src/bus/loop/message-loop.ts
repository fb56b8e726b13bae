import { SafeSubscriber } from 'rxjs/internal/Subscriber'
import { Message, takeAway } from '../../message/message.js'
import type { Membership } from '../contract/broker.js'
import { onAbort } from '../ending/on-abort.js'
import type { TopicSource } from '../topic/topic-source.js'
import { LoopConsumer, type Demand } from './loop-consumer.js'

interface Pull {
  readonly resolve: (result: IteratorResult<Message, undefined>) => void
  readonly reject: (error: unknown) => void
}

const done: IteratorResult<Message, undefined> = { done: true, value: undefined }

/**
 * The iterator of `for await`. It subscribes when the first message is asked for. Asking for the next message acks the
 * one before. Leaving the loop gives the message in hand back, uncounted.
 */
export class MessageLoop implements AsyncIterableIterator<Message>, Demand {
  readonly #source: TopicSource
  #membership: Membership | undefined
  #subscriber: SafeSubscriber<Message> | undefined
  #inHand: Message | undefined
  /** Messages that came before they were asked for: a schema may take its time. */
  #ready: Message[] = []
  #pull: Pull | undefined
  #turn: Promise<unknown> | undefined
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  #ignoreSignal = (): void => undefined

  constructor(source: TopicSource) {
    this.#source = source
  }

  get isWaiting(): boolean {
    return this.#pull !== undefined
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Several calls at once get one message after another. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const result = this.#turn === undefined ? this.#next() : this.#turn.then(() => this.#next())
    const turn = result
      .catch(() => undefined)
      .then(() => {
        if (this.#turn === turn) this.#turn = undefined
      })
    this.#turn = turn
    return result
  }

  /** `break`, `return` and a throw in the loop's body. */
  return(): Promise<IteratorResult<Message, undefined>> {
    const left = this.#inHand
    this.#inHand = undefined
    for (const message of this.#ready.splice(0)) Message.settlerOf(message).release(message, true)
    const isAbandoned = left !== undefined && Message.settlerOf(left).release(left, false, true)
    this.#membership?.leave('unsubscribe')
    this.#end()
    if (isAbandoned) takeAway([left], 'its loop was left')
    return Promise.resolve(done)
  }

  #next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#source.autoAck) this.#inHand?.ack()
    this.#inHand = undefined
    const message = this.#ready.shift()
    if (message !== undefined) return Promise.resolve(this.#handOut(message))
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever the Observable errors with
      return Promise.reject(error)
    }
    if (this.#isOver) return Promise.resolve(done)
    return new Promise((resolve, reject) => {
      this.#pull = { resolve, reject }
      if (this.#membership === undefined) this.#subscribe()
      else this.#membership.wake()
    })
  }

  #subscribe(): void {
    const { signal, broker, loopRequest } = this.#source
    if (signal?.aborted === true) {
      this.#end()
      return
    }
    const subscriber = (this.#subscriber = new SafeSubscriber<Message>({
      next: message => this.#arrived(message),
      error: (error: unknown) => this.#failed(error),
    }))
    const ending = {
      cameBack: false,
      isGuarded: true,
      refused: () => undefined,
      acked: () => undefined,
      claimed: () => undefined,
      end: () => this.#end(),
    }
    const source = this.#source.settledByHand
    const consumer = new LoopConsumer(source, subscriber, ending, this)
    this.#membership = broker.consume(loopRequest, source.passing(consumer))
    if (signal === undefined || this.#isOver) return
    this.#ignoreSignal = onAbort(signal, () => {
      // Like `take`: the message in hand stays with the loop.
      for (const message of this.#ready.splice(0)) Message.settlerOf(message).release(message, true)
      this.#membership?.leave('complete')
      this.#end()
    })
  }

  #arrived(message: Message): void {
    const pull = this.#pull
    this.#pull = undefined
    if (pull === undefined) this.#ready.push(message)
    else pull.resolve(this.#handOut(message))
  }

  #handOut(message: Message): IteratorResult<Message, undefined> {
    this.#inHand = message
    return { done: false, value: message }
  }

  #failed(error: unknown): void {
    const pull = this.#pull
    this.#pull = undefined
    if (pull === undefined) this.#failure = { error }
    else pull.reject(error)
    this.#end()
  }

  /** No more messages come. */
  #end(): void {
    this.#isOver = true
    this.#ignoreSignal()
    // A schema may still have a message, which it gives back then.
    this.#subscriber?.unsubscribe()
    this.#pull?.resolve(done)
    this.#pull = undefined
  }
}
