import type { Envelope, BytesHolder } from '../../message/envelope.js'
import { Block, WAITING_BYTES } from './block.js'

interface Copy {
  readonly of: Envelope
  readonly copy: Envelope
}

/**
 * Gives waiting messages bytes of their own, so that a small one does not keep a large frame in memory. Messages that
 * wait in several subscriptions share the copy.
 */
export class Separator {
  /** The blocks to leave, with the copies of their messages by their place in memory. */
  readonly #copies: Map<BytesHolder, Map<number, Copy>>

  constructor(blocks: Iterable<Block>) {
    this.#copies = new Map([...blocks].map(block => [block, new Map<number, Copy>()]))
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
    const { block, size } = envelope
    const copies = block === undefined ? undefined : this.#copies.get(block)
    if (copies === undefined || !(block instanceof Block)) return envelope
    const body = envelope.body as Uint8Array
    // A block may have several frames: an offset alone means a place in each of them.
    const place = body.byteOffset
    const known = copies.get(place)
    const isOfMessage = known?.of === envelope
    const copy = isOfMessage ? known.copy : copyOf(envelope, body, block, known?.copy)
    if (known === undefined) copies.set(place, { of: envelope, copy })
    copy.block?.hold(size)
    block.release(size)
    return copy
  }
}

/** @param known a copy of an envelope with the same bytes, which may have another place in the log */
function copyOf(envelope: Envelope, body: Uint8Array, block: Block, known: Envelope | undefined): Envelope {
  if (known?.block !== undefined && known.size === envelope.size)
    return envelope.moved(known.content as Uint8Array, known.block)
  return envelope.moved(new Uint8Array(body), block.sibling(bytesOf(envelope)))
}

function bytesOf({ size, topic, headers }: Envelope): number {
  let bytes = WAITING_BYTES + size + topic.length
  for (const key in headers) bytes += key.length + (headers[key]?.length ?? 0)
  return bytes
}
