import type { Observable } from 'rxjs'
import type { Headers } from '../message/envelope.js'

/** A message that a subscription gave up on, kept with the reason. Also the payload of `$dead/<subscription>`. */
export interface DeadLetter {
  /** The message's id. */
  id: string
  topic: string
  payload: unknown
  headers: Headers
  /** The subscription's name, or its id if it has none. */
  subscription: string
  /** How often it was tried. */
  attempts: number
  error: string
  /** First and last failure, milliseconds since the epoch. */
  firstAt: number
  lastAt: number
}

export interface DeadLetterFilter {
  /** Only of this subscription: its name, or its id. */
  subscription?: string
  /** Only the message with this id. */
  id?: string
}

/** New ones as an Observable; those kept, to list, replay and purge. */
export interface DeadLetters extends Observable<DeadLetter> {
  list(filter?: DeadLetterFilter): Promise<DeadLetter[]>
  /** Each goes once more to the subscription that it came from, with a fresh count. Resolves with how many went. */
  replay(filter?: DeadLetterFilter): Promise<number>
  /** Resolves with how many were thrown away. */
  purge(filter?: DeadLetterFilter): Promise<number>
}
