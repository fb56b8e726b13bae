import type { Form } from '../peers/peer.js'

/** What a stream carries. Every message can be told from every other one of its source. */
export interface Shape {
  readonly form: Form
  /** Of Buffers, in bytes. */
  readonly size: number
  /** Of each source, in turn. */
  readonly topics: number
}

/** Buffers are made beforehand, as many as this is bytes: the bench measures what carries them, not what makes them. */
const MADE_BYTES = 16 * 1024 * 1024
const MADE_AT_MOST = 1_024

/** So many Buffers of this size come in turn. */
const ringOf = (size: number): number => Math.min(MADE_AT_MOST, Math.floor(MADE_BYTES / size))

export function topicsOf(root: string, source: number, { topics }: Shape): string[] {
  return Array.from({ length: topics }, (_, at) => `${root}.eu.${source * topics + at}`)
}

/** @returns the payload of a source's message, by its number */
export function payloads(source: number, { form, size }: Shape): (number: number) => unknown {
  if (form === 'object')
    return number => ({ id: number, source, total: number / 4, name: `order ${number & 7}`, isPaid: true })
  const made = Array.from({ length: ringOf(size) }, (_, number) => {
    const bytes = Buffer.alloc(size, number & 0xff)
    bytes.writeUInt32LE(number)
    bytes.writeUInt16LE(source, 4)
    return bytes
  })
  return number => made[number % made.length]
}

interface Order {
  readonly id: number
  readonly source: number
  readonly total: number
  readonly name: string
  readonly isPaid: boolean
}

/** @returns which source a payload comes from, and whether it is the message with this number */
export function reader({ form, size }: Shape): {
  source: (payload: unknown) => number
  isMessage: (payload: unknown, number: number) => boolean
} {
  if (form === 'object')
    return {
      source: payload => (payload as Order).source,
      isMessage: (payload, number) => {
        const order = payload as Order
        return (
          order.id === number &&
          order.total === number / 4 &&
          order.name === `order ${number & 7}` &&
          order.isPaid
        )
      },
    }
  const ring = ringOf(size)
  return {
    source: payload => {
      const bytes = payload as Uint8Array
      return (bytes[4] ?? 0) | ((bytes[5] ?? 0) << 8)
    },
    isMessage: (payload, number) => {
      const bytes = payload as Uint8Array
      const wanted = number % ring
      return (
        bytes.length === size &&
        bytes[0] === (wanted & 0xff) &&
        bytes[1] === wanted >> 8 &&
        bytes[size >> 1] === (wanted & 0xff) &&
        bytes[size - 1] === (wanted & 0xff)
      )
    },
  }
}
