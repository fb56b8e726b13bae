import { describe, ProtocolError } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { decodePlain, writePayload } from '../../codec/payload.js'
import { Fields } from './fields.js'
import { beginFrame } from './frames.js'
import { broken } from '../protocol.js'
import { decodePattern, encodePattern } from './subscription-request.js'

type Pattern = RegExp | string

/** The changes of the patterns that a host wants. */
export interface Interest {
  /** Replaces all earlier interest, of this session or another. */
  readonly anew: boolean
  readonly add: readonly Pattern[]
  readonly remove: readonly Pattern[]
}

/** A leader's call to a follower. Its answer is the follower's call `backbone.answer` with the same id. */
export interface Ask {
  readonly id: number
  readonly method: string
  readonly args: unknown
}

const MOST_PATTERNS = 1_000_000

/** A frame whose body is one value: there are few of these between hosts, and they need no format of their own. */
export function encodeValue(value: unknown): Uint8Array {
  const writer = new ByteWriter()
  beginFrame(writer)
  writePayload(writer, value)
  return writer.take()
}

export function encodeInterest({ anew, add, remove }: Interest): Uint8Array {
  return encodeValue({ anew, add: add.map(encodePattern), remove: remove.map(encodePattern) })
}

/** @throws ProtocolError */
export function decodeInterest(body: ByteReader): Interest {
  const fields = decodeFields(body)
  return {
    anew: fields.flag('anew'),
    add: patterns(fields.get('add')),
    remove: patterns(fields.get('remove')),
  }
}

/** @throws ProtocolError */
export function decodeAsk(body: ByteReader): Ask {
  const fields = decodeFields(body)
  return { id: fields.whole('id'), method: fields.text('method', 100), args: fields.get('args') }
}

/** @throws ProtocolError */
export function decodeFields(body: ByteReader): Fields {
  return new Fields(decodeValue(body), what => broken(`of a host ${what}`))
}

/** @throws ProtocolError */
export function decodeValue(body: ByteReader): unknown {
  try {
    return decodePlain(body.raw(body.remaining))
  } catch (error) {
    throw broken(`holds an unreadable value (${describe(error)})`)
  }
}

function patterns(value: unknown): Pattern[] {
  if (!Array.isArray(value) || value.length > MOST_PATTERNS)
    throw broken('of a host lacks a list of patterns')
  return value.map(each => {
    try {
      return decodePattern(each)
    } catch (error) {
      throw error instanceof ProtocolError
        ? error
        : broken(`of a host holds an invalid pattern (${describe(error)})`)
    }
  })
}
