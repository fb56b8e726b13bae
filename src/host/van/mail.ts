import { Item } from '../../broker/subscription/backlog/item.js'
import type { LocalBroker, LocalBrokerOptions } from '../../broker/local-broker.js'
import { replyTopic, returnHeaders } from '../../bus/actors/actor-requests.js'
import { failureNotice } from '../../bus/requests/request-messages.js'
import { refusalOf, returnOf } from '../../bus/streams/stream-messages.js'
import { ActorStoppedError } from '../../errors.js'
import type { Envelope, Headers } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { encodeLetter, encodePayload } from '../../codec/payload.js'
import { isExposure, isRequest, MAILBOX } from '../../message/topic.js'

/**
 * Handles mail that finds no actor, or one that fails: it goes back to the asker, otherwise to the dead letters.
 *
 * @param keep gets answers for an asker that is not here. Returns whether the asker may still come back
 */
export function mailRules(
  broker: () => LocalBroker,
  keep: (envelope: Envelope) => boolean,
): Pick<LocalBrokerOptions, 'unrouted' | 'takeBack'> {
  return {
    unrouted: (envelope, why) => {
      if (envelope.topic.startsWith(MAILBOX)) undelivered(broker(), envelope)
      else giveBack(broker(), returnOf(envelope, why))
    },
    takeBack: (letter, envelope, error) => {
      if (isRequest(envelope.topic)) {
        giveBack(broker(), failureNotice(envelope.headers, error))
        return true
      }
      // The observer gets an error, and may observe again.
      if (isExposure(letter.subscription)) {
        giveBack(broker(), refusalOf(envelope.headers, 'MSGVAN_OBSERVATION_LOST'))
        return true
      }
      if (!letter.subscription.startsWith(MAILBOX)) return false
      const wasStopped = error instanceof ActorStoppedError
      const headers = returnHeaders(envelope, wasStopped ? error.code : 'MSGVAN_ACTOR')
      const topic = replyTopic(envelope.headers)
      if (headers === undefined || topic === undefined) return false
      const id = letter.subscription.slice(MAILBOX.length)
      const times = letter.attempts === 1 ? 'once' : `${letter.attempts} times`
      const text = wasStopped ? error.message : `Actor ${id} failed ${times} on this message: ${letter.error}`
      const make = () => {
        const body = encodeLetter({ ...letter, error: text, payload: envelope.body }, envelope.encoding)
        return { body, size: body.length, encoding: Encoding.Letter }
      }
      return broker().system.publish(topic, headers, make, keep)
    },
  }
}

function giveBack(broker: LocalBroker, back: { to: string; headers: Headers } | undefined): void {
  if (back === undefined) return
  broker.system.publish(back.to, back.headers, () => {
    const body = encodePayload(undefined)
    return { body, size: body.length, encoding: Encoding.Bytes }
  })
}

function undelivered(broker: LocalBroker, envelope: Envelope): void {
  const id = envelope.topic.slice(MAILBOX.length)
  const error = new ActorStoppedError(`There is no actor ${id}: it was stopped, or it never existed.`)
  broker.giveUp(envelope.topic, new Item(envelope, 0), error)
}
