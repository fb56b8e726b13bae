import { Message } from '../../message/message.js'

/** The number of an open delivery; undefined once it is settled or the host took it back. */
export function numberOf(message: Message): number | undefined {
  return Message.tagOf(message) as number | undefined
}

export function isOpen(message: Message): boolean {
  return Message.tagOf(message) !== undefined
}
