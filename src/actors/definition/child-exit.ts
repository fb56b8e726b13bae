import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import type { ChildExit } from './actor.js'

const EVENT = '$event'
const CHILD_EXITED = 'child-exited'

/** Of the letter by which a host tells an actor that a child of its is no more. */
export const childExitHeaders: Headers = { [EVENT]: CHILD_EXITED }

/** What the letter tells; undefined for any other message. */
export function childExitOf(message: Message): ChildExit | undefined {
  return message.headers[EVENT] === CHILD_EXITED ? (message.payload as ChildExit) : undefined
}
