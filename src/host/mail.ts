import { Item } from '../broker/item.js'
import type { LocalBroker, LocalBrokerOptions } from '../broker/local-broker.js'
import { replyTopic, returnHeaders } from '../bus/correspondence.js'
import { ActorStoppedError } from '../errors.js'
import { Encoding, type Envelope } from '../message/envelope.js'
import { encodeLetter } from '../message/payload.js'
import { MAILBOX } from '../message/topic.js'

/** What becomes of mail that finds no actor, or one that fails: back to who asked, else to the dead letters. */
export function mailRules(broker: () => LocalBroker): Pick<LocalBrokerOptions, 'unrouted' | 'takeBack'> {
  return {
    unrouted: envelope => {
      if (envelope.topic.startsWith(MAILBOX)) undelivered(broker(), envelope)
    },
    takeBack: (letter, envelope, error) => {
      if (!letter.subscription.startsWith(MAILBOX)) return false
      const wasStopped = error instanceof ActorStoppedError
      const headers = returnHeaders(envelope, wasStopped ? error.code : 'MSGVAN_ACTOR')
      const topic = replyTopic(envelope.headers)
      if (headers === undefined || topic === undefined) return false
      const id = letter.subscription.slice(MAILBOX.length)
      const times = letter.attempts === 1 ? 'once' : `${letter.attempts} times`
      const text = wasStopped ? error.message : `Actor ${id} failed ${times} on this message: ${letter.error}`
      return broker().say(topic, headers, () => {
        const body = encodeLetter({ ...letter, error: text, payload: envelope.body }, envelope.encoding)
        return { body, size: body.length, encoding: Encoding.Letter }
      })
    },
  }
}

function undelivered(broker: LocalBroker, envelope: Envelope): void {
  const id = envelope.topic.slice(MAILBOX.length)
  const error = new ActorStoppedError(`There is no actor ${id}: it was stopped, or never was.`)
  broker.giveUp(envelope.topic, new Item(envelope, 0), error)
}
