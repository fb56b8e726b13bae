import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import type { ChildExit } from './actor.js'

const EVENT = '$event'
const CHILD_EXITED = 'child-exited'

/** Headers of the letter by which a host informs an actor that its child has ended. */
export const childExitHeaders: Headers = { [EVENT]: CHILD_EXITED }

/** The content of the letter; undefined for any other message. */
export function childExitOf(message: Message): ChildExit | undefined {
  return message.headers[EVENT] === CHILD_EXITED ? (message.payload as ChildExit) : undefined
}
