import { createHash } from 'node:crypto'

/** 128 bits: it is infeasible to find another seat with the same names. */
const BYTES = 16

/**
 * The names of a follower's publishers begin with it. It is the digest of the seat, which only that follower and its
 * leader know. So no other follower publishes under these names.
 */
export function publisherPrefix(seat: string): string {
  const digest = createHash('sha256').update(seat).digest().subarray(0, BYTES)
  return `${digest.toString('base64url')}.`
}

/** The publishers of one follower, as its leader names them. */
export class PublisherNames {
  readonly #prefix: string
  /** Most messages have the publisher of the one before. */
  #last = ''
  #name = ''

  constructor(seat: string) {
    this.#prefix = publisherPrefix(seat)
  }

  /** @param publisher as the follower names it: it may also pass on messages from a time before it joined a leader */
  of(publisher: string): string {
    if (publisher === this.#last) return this.#name
    this.#last = publisher
    return (this.#name = publisher.startsWith(this.#prefix) ? publisher : this.#prefix + publisher)
  }
}
