import type { Message } from './message.js'

let inHand: Message | undefined

/** The message whose delivery is running now, on this very call stack. An error that comes up is its failure. */
export function messageInHand(): Message | undefined {
  return inHand
}

/** Puts a message in hand and returns the earlier one, to be put back afterwards: deliveries of two buses may nest. */
export function takeInHand(message: Message | undefined): Message | undefined {
  const before = inHand
  inHand = message
  return before
}
