import { MiddlewareError } from '../../errors.js'
import { knownOptions } from '../../message/check-option.js'
import { checkHeaders } from '../../message/headers.js'
import { replaceHeaders, replacePayload, type Message } from '../../message/message.js'
import type { MiddlewareChanges, OutgoingMessage } from './middleware.js'

/** A middleware may pass a copy of the message on, with changes: `next({ ...message, payload })`. */
const PARTS = ['payload', 'headers', 'topic', 'id', 'timestamp', 'attempt', 'redelivered']

/** @throws MiddlewareError, InvalidOptionError, InvalidPayloadError */
export function changed(message: OutgoingMessage, changes: MiddlewareChanges | undefined): OutgoingMessage {
  if (changes === undefined) return message
  check(message.topic, changes)
  const { topic, headers } = message
  const payload = 'payload' in changes ? changes.payload : message.payload
  return Object.freeze({ topic, payload, headers: changes.headers ?? headers })
}

/** @throws MiddlewareError, InvalidOptionError, InvalidPayloadError */
export function change(message: Message, changes: MiddlewareChanges | undefined): void {
  if (changes === undefined) return
  check(message.topic, changes)
  if ('payload' in changes) replacePayload(message, changes.payload)
  if (changes.headers !== undefined) replaceHeaders(message, changes.headers)
}

function check(topic: string, changes: MiddlewareChanges): void {
  knownOptions('next() of a middleware', changes, PARTS, ['payload'])
  if (changes.headers !== undefined) checkHeaders(changes.headers)
  const { topic: other = topic }: { topic?: unknown } = changes as object
  if (other !== topic)
    throw new MiddlewareError(
      `A middleware changes payload and headers, not the topic: it must stay ${JSON.stringify(topic)}.`,
    )
}
