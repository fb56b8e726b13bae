import { InvalidTopicError } from '../errors.js'
import { isUtf8 } from './well-formed.js'

export const MAX_TOPIC_BYTES = 1024
/** A UTF-16 unit takes at most three bytes. */
const SURELY_FITS = Math.floor(MAX_TOPIC_BYTES / 3)

const utf8 = new TextEncoder()

/** Topics that begin with `$` are system topics. */
export function isSystemTopic(topic: string): boolean {
  return topic.charCodeAt(0) === 36
}

/** A topic is any non-empty string of at most 1,024 UTF-8 bytes; half a surrogate pair has no UTF-8. */
export function checkTopic(topic: unknown): asserts topic is string {
  // Most topics need no count.
  if (typeof topic !== 'string' || topic.length === 0 || topic.length > SURELY_FITS || !isUtf8(topic))
    checkUnusual(topic)
}

function checkUnusual(topic: unknown): void {
  if (typeof topic !== 'string')
    throw new InvalidTopicError(`A topic is a string; this is ${typeof topic}. Give a non-empty string.`)
  const length = topic.length
  if (length === 0) throw new InvalidTopicError('A topic is a non-empty string; this one is empty.')
  if (!isUtf8(topic)) {
    throw new InvalidTopicError(
      `The topic ${JSON.stringify(topic.slice(0, 40))} has half a surrogate pair, which UTF-8 cannot carry. Give whole characters; put other text into the payload.`,
    )
  }
  if (length > MAX_TOPIC_BYTES || utf8.encode(topic).length > MAX_TOPIC_BYTES) {
    throw new InvalidTopicError(
      `A topic takes at most ${MAX_TOPIC_BYTES} UTF-8 bytes; this one takes more (it begins ${JSON.stringify(topic.slice(0, 40))}). Put the rest into the payload.`,
    )
  }
}

/** The topics that an app may publish to: all except system topics. */
export function checkPublishTopic(topic: unknown): asserts topic is string {
  // One condition for usual topics: this runs once for each message.
  if (typeof topic === 'string' && topic.length > 0 && topic.length <= SURELY_FITS && !isSystemTopic(topic))
    if (isUtf8(topic)) return
  checkTopic(topic)
  if (isSystemTopic(topic)) throw systemTopic(topic)
}

function systemTopic(topic: string): InvalidTopicError {
  return new InvalidTopicError(
    `Topics that begin with $ are the system's: ${JSON.stringify(topic)} can be subscribed to, not published to.`,
  )
}

/** The topic of an actor's mailbox, and the name of the subscription that holds its messages. */
export const MAILBOX = '$actor/'

/** The ids of actors with instances on several hosts begin with it. */
export const SHARED = 'shared.'

/**
 * The mailbox of such an actor is where the van's named subscriptions are kept, so that all its hosts reach it; other
 * mailboxes are with their actors.
 */
export function isOwnMailbox(name: string): boolean {
  return name.startsWith(MAILBOX) && !name.startsWith(MAILBOX + SHARED)
}

/** The topics for answers to one bus. */
export const REPLIES = '$reply/'

/**
 * The topic for requests of a remote observable, and the name of the subscription that all its exposing buses share.
 */
export const EXPOSED = '$exposed/'

/** It exists as long as a bus exposes it: it keeps no messages for later ones. */
export function isExposure(name: string): boolean {
  return name.startsWith(EXPOSED)
}

/** Requests are messages on the topic of this prefix and their own topic: only responders get them. */
export const REQUESTS = '$request/'

export function isRequest(topic: string): boolean {
  return topic.startsWith(REQUESTS)
}

/** Messages between present buses: no store keeps them, and a bus that is gone is not owed them. */
export function isTransientTopic(topic: string): boolean {
  return topic.startsWith(REPLIES) || isExposure(topic) || isRequest(topic)
}

/** The system's own news: `$dead/…`, and hosts that join and leave. */
export function isNewsTopic(topic: string): boolean {
  return isSystemTopic(topic) && !isMailTopic(topic)
}

/** System topics that clients may publish to: not by `publish`, but by tell, ask and answer. */
export function isMailTopic(topic: string): boolean {
  return topic.startsWith(MAILBOX) || isTransientTopic(topic)
}
