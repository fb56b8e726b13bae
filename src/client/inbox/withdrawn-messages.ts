import { Message } from '../../message/message.js'

/** At the limit it forgets the oldest message. */
const MAX_MESSAGES = 10_000

/** Messages that the host took back while the app works on them. A bus that drains waits for that work too. */
export class WithdrawnMessages {
  readonly #messages = new Set<Message>()

  get size(): number {
    return this.#messages.size
  }

  add(message: Message): void {
    if (this.#messages.size >= MAX_MESSAGES)
      this.#messages.delete(this.#messages.values().next().value as Message)
    this.#messages.add(message)
  }

  /** @returns whether it was there */
  delete(message: Message): boolean {
    return this.#messages.delete(message)
  }

  /** Forgets it when its next delivery arrives: an app that settles by hand may keep only the new one. */
  deleteUnclaimed(id: string): void {
    for (const message of this.#messages)
      if (Message.envelopeOf(message).id === id && !Message.isClaimed(message)) this.#messages.delete(message)
  }

  clear(): void {
    this.#messages.clear()
  }
}
