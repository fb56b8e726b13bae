import { letterFields } from '../../codec/payload.js'
import { Encoding } from '../../codec/encoding.js'
import { Message } from '../../message/message.js'
import type { DeadLetter } from '../../bus/contract/dead-letters.js'
import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import type { LetterPage } from '../../wire/calls/dead-letter-calls.js'
import type { Principal } from './principal.js'
import type { Seer } from './view.js'

/** The part of a status that a principal may see: without `admin`, its own names and, with `actors`, the actors. */
export function visibleStatus(status: VanStatus, principal: Principal): VanStatus {
  if (principal.has('admin')) return status
  const { van, host, subscriptions, actors, counters } = status
  return {
    van,
    host: outline(host),
    hosts: [],
    subscriptions: subscriptions.filter(({ name }) => name !== undefined && principal.allows('names', name)),
    actors: principal.roots('actors') === undefined ? [] : actors,
    counters,
  }
}

export function visibleHosts(hosts: HostStatus[], principal: Principal): HostStatus[] {
  return principal.has('admin') ? hosts : hosts.map(outline)
}

/** Letters of subscriptions that it may look into, with topics that it may see. */
export function visibleLetters(page: LetterPage, principal: Principal): LetterPage {
  return { ...page, letters: page.letters.filter(letter => seesLetter(principal, letter)) }
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

function outline(host: HostStatus): HostStatus {
  return { ...host, pid: 0, address: '', capabilities: {} }
}
