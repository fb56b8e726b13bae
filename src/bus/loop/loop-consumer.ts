import type { Subscriber } from 'rxjs'
import type { Message } from '../../message/message.js'
import { TopicConsumer, type PipelineEnd, type TopicSource } from '../topic/topic-source.js'

/** A loop, as its consumer sees it. */
export interface Demand {
  /** It waits for a message. */
  readonly isWaiting: boolean
}

/** Takes a message only when the loop asks for one. */
export class LoopConsumer extends TopicConsumer {
  readonly #demand: Demand

  constructor(source: TopicSource, subscriber: Subscriber<Message>, ending: PipelineEnd, demand: Demand) {
    super(source, subscriber, ending)
    this.#demand = demand
  }

  get isBusy(): boolean {
    return !this.#demand.isWaiting
  }
}
