import { letterFields } from '../../codec/payload.js'
import { Encoding } from '../../codec/encoding.js'
import { Message } from '../../message/message.js'
import type { DeadLetter } from '../../bus/contract/dead-letters.js'
import type { Seer } from './view.js'

/** A consumer, as the rights of its deliveries limit it. */
export interface LimitedConsumer {
  readonly name: string | undefined
  hides: ((message: Message) => boolean) | undefined
  sees: ((topic: string) => boolean) | undefined
}

/** The consumer gets only messages that the seer may see. Without a seer it gets all of them. */
export function limitDeliveries(consumer: LimitedConsumer, seer: Seer | undefined): void {
  if (seer === undefined) return
  consumer.hides = message => hidesLetter(seer, message)
  if (consumer.name !== undefined) consumer.sees = topic => seer.sees(topic)
}

/** @param letter in bytes, or without its payload */
export function seesLetter(seer: Seer, letter: unknown): boolean {
  const fields = letter instanceof Uint8Array ? letterFields(letter) : (letter as Partial<DeadLetter>)
  const { subscription, topic } = fields
  if (typeof subscription !== 'string' || typeof topic !== 'string') return false
  return seer.seesLettersOf(subscription) && seer.sees(topic)
}

/** Whether the message is a dead-letter notice that the seer may not see. Its topic names the subscription only. */
export function hidesLetter(seer: Seer, message: Message): boolean {
  const { topic, encoding, body } = Message.envelopeOf(message)
  if (!topic.startsWith('$dead/')) return false
  return encoding !== Encoding.Letter || !(body instanceof Uint8Array) || !seesLetter(seer, body)
}

/** Messages that a host that joined may not see, for any of its clients. */
export function hidesFromHost(seer: Seer, message: Message): boolean {
  return !seer.sees(message.topic) || hidesLetter(seer, message)
}
