import { inspect, types } from 'node:util'
import type { DeadLetter } from '../../bus/contract/dead-letters.js'
import type { Message } from '../../message/message.js'
import { escapeJson } from '../../log/escape-controls.js'

/**
 * Any payload as JSON, on one line. JSON lacks some values: a BigInt becomes its digits, a Date its ISO form, bytes
 * base64, a Map an object (a list of pairs if its keys are not strings), a Set a list, NaN and the infinities their
 * names; undefined becomes null, and a value inside itself "[Circular]".
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(plain(value, []))
  } catch {
    // Too deep for the stack: a short form is better than the end of the stream.
    return JSON.stringify(inspect(value, { depth: 5, breakLength: Infinity }))
  }
}

export function messageJson(message: Message): string {
  const { id, topic, payload, headers, timestamp, attempt, redelivered } = message
  const rest = { headers, timestamp, attempt, redelivered }
  return `{"id":${JSON.stringify(id)},"topic":${JSON.stringify(topic)},"payload":${toJson(payload)},${JSON.stringify(rest).slice(1)}`
}

/** Topic and payload for people: text unchanged, everything else as JSON. */
export function messageLine({ topic, payload }: Pick<Message, 'topic' | 'payload'>): string {
  return `${topic} ${typeof payload === 'string' ? payload : printableJson(payload)}`
}

/** JSON without characters that `Output.line` would escape: its escapes are not valid JSON. */
function printableJson(value: unknown): string {
  return escapeJson(toJson(value))
}

/** The payload alone: bytes unchanged, text and everything else as one line. */
export function rawPayload({ payload }: Pick<Message, 'payload'>): string | Uint8Array {
  if (types.isUint8Array(payload)) return payload
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload)
  return `${typeof payload === 'string' ? payload : toJson(payload)}\n`
}

export function deadLetterJson({ payload, ...rest }: DeadLetter): string {
  return `${JSON.stringify(rest).slice(0, -1)},"payload":${toJson(payload)}}`
}

/** The main facts of a letter in a list: which, from where, how often, and why. */
export function deadLetterLine({ id, subscription, topic, attempts, lastAt, error }: DeadLetter): string {
  const times = attempts === 1 ? 'once' : `${attempts} times`
  return `${id} ${new Date(lastAt).toISOString()} ${subscription} ${topic} failed ${times}: ${error}`
}

export function deadLetterLines(letter: DeadLetter): string[] {
  const { id, topic, subscription, attempts, error, firstAt, lastAt, headers, payload } = letter
  return [
    `id            ${id}`,
    `topic         ${topic}`,
    `subscription  ${subscription}`,
    `attempts      ${attempts}`,
    `first failure ${new Date(firstAt).toISOString()}`,
    `last failure  ${new Date(lastAt).toISOString()}`,
    `error         ${error}`,
    `headers       ${printableJson(headers)}`,
    `payload       ${printableJson(payload)}`,
  ]
}

function plain(value: unknown, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'bigint':
      return value.toString()
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'undefined':
      return null
    case 'function':
    case 'symbol':
      return String(value)
    case 'object':
      break
    default:
      return value
  }
  if (value === null) return null
  if (above.includes(value)) return '[Circular]'
  const here = [...above, value]
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp) return String(value)
  if (value instanceof Error) return { name: value.name, message: value.message }
  if (types.isUint8Array(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return plainView(value, here)
  if (value instanceof Map) return plainMap(value, here)
  if (value instanceof Set || Array.isArray(value))
    return Array.from(value as Iterable<unknown>, item => plain(item, here))
  return fromEntries(Object.entries(value), here)
}

function plainView(view: ArrayBufferView, above: readonly object[]): unknown {
  if (view instanceof DataView)
    return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
  return Array.from(view as unknown as Iterable<unknown>, item => plain(item, above))
}

function plainMap(map: ReadonlyMap<unknown, unknown>, above: readonly object[]): unknown {
  const entries = [...map]
  const named = entries.every((entry): entry is [string, unknown] => typeof entry[0] === 'string')
  return named ? fromEntries(entries, above) : entries.map(pair => plain(pair, above))
}

function fromEntries(entries: readonly (readonly [string, unknown])[], above: readonly object[]): unknown {
  const result = Object.create(null) as Record<string, unknown> // a key may be __proto__
  for (const [key, value] of entries) result[key] = plain(value, above)
  return result
}
