import type { Envelope, BytesHolder } from '../../message/envelope.js'
import { Block, WAITING_BYTES } from './block.js'

/**
 * Gives waiting messages bytes of their own, so that a small one does not keep a large frame in memory. Messages that
 * wait in several subscriptions share the copy.
 */
export class Separator {
  /** The blocks to leave, with the copies of their messages by offset. */
  readonly #copies: Map<BytesHolder, Map<number, Envelope>>

  constructor(blocks: Iterable<Block>) {
    this.#copies = new Map([...blocks].map(block => [block, new Map<number, Envelope>()]))
  }

  /** Whether messages leave this block. */
  leaves(block: BytesHolder | undefined): block is BytesHolder {
    return block !== undefined && this.#copies.has(block)
  }

  /**
   * Moves one place of a waiting message.
   *
   * @returns the message itself, or its copy
   */
  apart(envelope: Envelope): Envelope {
    const { block, offset, size } = envelope
    const copies = block === undefined ? undefined : this.#copies.get(block)
    if (copies === undefined || !(block instanceof Block)) return envelope
    let copy = copies.get(offset)
    if (copy === undefined) {
      const content = new Uint8Array(envelope.body as Uint8Array)
      copy = envelope.moved(content, block.sibling(bytesOf(envelope)))
      copies.set(offset, copy)
    }
    copy.block?.hold(size)
    block.release(size)
    return copy
  }
}

function bytesOf({ size, topic, headers }: Envelope): number {
  let bytes = WAITING_BYTES + size + topic.length
  for (const key in headers) bytes += key.length + (headers[key]?.length ?? 0)
  return bytes
}
