import { InvalidTopicError } from '../errors.js'
import { isUtf8 } from './well-formed.js'

export const MAX_TOPIC_BYTES = 1024
/** A UTF-16 unit takes at most three bytes. */
const SURELY_FITS = Math.floor(MAX_TOPIC_BYTES / 3)

const utf8 = new TextEncoder()

/** Topics that begin with `$` are the system's. */
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

/** What an app may publish to: any topic but the system's. */
export function checkPublishTopic(topic: unknown): asserts topic is string {
  // In one go for what is usual: this runs once per message.
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

/** Where an actor's messages go: the topic of its mailbox, which is also the name of the subscription that holds them. */
export const MAILBOX = '$actor/'

/** The ids of actors whose instances are on several hosts begin with it. */
export const SHARED = 'shared.'

/** Such an actor's mailbox is where the named subscriptions of the van are kept, so that all its hosts reach it; others are with their actors. */
export function isOwnMailbox(name: string): boolean {
  return name.startsWith(MAILBOX) && !name.startsWith(MAILBOX + SHARED)
}

/** Where answers to one bus go. */
export const REPLIES = '$reply/'

/** Where a remote observable is asked for: the topic, and the name of the subscription that all who expose it share. */
export const EXPOSED = '$exposed/'

/** Is there as long as somebody exposes it: nothing waits there for who may come. */
export function isExposure(name: string): boolean {
  return name.startsWith(EXPOSED)
}

/** Letters between those who are there: no store keeps them, and none is owed to who is gone. */
export function isPassing(topic: string): boolean {
  return topic.startsWith(REPLIES) || isExposure(topic)
}

/** What the system itself tells whoever listens: `$dead/…`, and who joins and leaves. */
export function isNewsTopic(topic: string): boolean {
  return isSystemTopic(topic) && !isMailTopic(topic)
}

/** System topics that clients publish to all the same: not by `publish`, but by telling, asking and answering. */
export function isMailTopic(topic: string): boolean {
  return topic.startsWith(MAILBOX) || isPassing(topic)
}
