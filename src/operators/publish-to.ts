import type { OperatorFunction } from 'rxjs'
import { InvalidOptionError } from '../errors.js'
import type { Headers } from '../message/envelope.js'
import { ignoreRejection } from '../message/check-option.js'
import { Message } from '../message/message.js'
import { checkPublishTopic } from '../message/topic.js'
import { mergeClaimed } from './merge-claimed.js'

/** The part of a bus that `publishTo` uses. */
export interface Publisher {
  publish(message: { topic: string; payload?: unknown; headers?: Headers }): Promise<void>
}

/** The most publishes at once: enough to fill batches, few enough for back-pressure. */
const window = 1024

/**
 * Publishes every value, in order, and passes each on once the van has taken it over. A Message is forwarded as its
 * payload and headers, and acked once it is accepted. A refused publish errors the stream, and fails the message.
 *
 * @param topic a topic, or a function of the value
 * @throws InvalidOptionError, InvalidTopicError (a fixed topic)
 * @example
 * readings$.pipe(filter(reading => reading.celsius > 80), publishTo(bus, 'alarms.heat')).subscribe()
 */
export function publishTo<V>(bus: Publisher, topic: string | ((value: V) => string)): OperatorFunction<V, V> {
  // A program without types might give anything.
  if (typeof (bus as Partial<Publisher> | undefined)?.publish !== 'function')
    throw new InvalidOptionError('publishTo() takes the bus to publish on: publishTo(bus, topic).')
  if (typeof topic !== 'string' && typeof topic !== 'function')
    throw new InvalidOptionError('publishTo() takes a topic, or a function that makes one of a value.')
  if (typeof topic === 'string') checkPublishTopic(topic)
  return mergeClaimed(async (value: V, claim) => {
    try {
      const to = typeof topic === 'string' ? topic : topic(value)
      // The bus refuses everything that is not a topic.
      ignoreRejection(to)
      if (value instanceof Message) {
        const { payload, headers } = value as Message
        await bus.publish({ topic: to, payload, headers })
      } else await bus.publish({ topic: to, payload: value })
      claim?.ack()
    } catch (error) {
      claim?.fail(error)
      throw error
    }
    return value
  }, window)
}
