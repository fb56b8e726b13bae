import { Encoding } from '../codec/encoding.js'
import { decodeBody, decodePayload, encodePayload } from '../codec/payload.js'
import { Envelope, RedrivenEnvelope } from './envelope.js'

/** @throws UnreadablePayloadError */
export function readBody(envelope: Envelope): unknown {
  const { content, encoding, offset, size } = envelope
  if (encoding === Encoding.Value) return content
  if (encoding === Encoding.Bytes) return decodePayload(content as Uint8Array, offset, size)
  return decodeBody(envelope.body as Uint8Array, encoding)
}

/** Messages that the host itself publishes are not bytes yet. */
export function inBytes(envelope: Envelope): Envelope {
  if (envelope.encoding !== Encoding.Value) return envelope
  const { publisher, sequence, topic, headers, timestamp } = envelope
  const body = encodePayload(envelope.body)
  const Kind = envelope.isRedriven ? RedrivenEnvelope : Envelope
  return new Kind(publisher, sequence, topic, headers, timestamp, body, body.length, Encoding.Bytes)
}
