import type { MsgvanError } from '../../errors.js'
import { traitsOf } from '../../wire/calls.js'
import { encodeCall, fromWireError, type Reply } from '../../wire/frames/control-frames.js'

interface Pending {
  readonly method: string
  readonly args: unknown
  readonly resolve: (value: unknown) => void
  /** The size of its frame. */
  readonly bytes: number
  readonly reject: (error: unknown) => void
  readonly askedAgain: (() => void) | undefined
  readonly isLasting: boolean
}

/** Calls to the host, each with an answer. They wait while there is no connection, and are sent again in a new session. */
export class Calls {
  readonly #send: (frame: Uint8Array) => void
  readonly #pending = new Map<number, Pending>()
  readonly #maxBytes: () => number
  #lastId = 0

  /** @param maxBytes returns the host's limit for the arguments, as far as that is known */
  constructor(send: (frame: Uint8Array) => void, maxBytes: () => number = () => Infinity) {
    this.#send = send
    this.#maxBytes = maxBytes
  }

  /**
   * @param args the arguments, or a function that makes them whenever the call is sent
   * @param askedAgain called after it was sent again in a new session
   * @param isLasting its effect outlasts the bus
   */
  call(
    method: string,
    args?: unknown,
    askedAgain?: () => void,
    isLasting = traitsOf(method).outlastsBus === true,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const frame = this.#encode(id, method, args)
      this.#pending.set(id, { method, args, bytes: frame.length, resolve, reject, askedAgain, isLasting })
      this.#send(frame)
    })
  }

  answered(reply: Reply): void {
    const pending = this.#pending.get(reply.id)
    // It was rejected meanwhile.
    if (pending === undefined) return
    this.#pending.delete(reply.id)
    if ('error' in reply) pending.reject(fromWireError(reply.error))
    else pending.resolve(reply.value)
  }

  /** The id of the last call. */
  get last(): number {
    return this.#lastId
  }

  /** The number of calls without an answer whose effect outlasts the bus. */
  get lasting(): number {
    let count = 0
    for (const { isLasting } of this.#pending.values()) if (isLasting) count += 1
    return count
  }

  /** @returns a function that tells whether all lasting calls of now are answered. Later ones do not count. */
  whetherLastingAnswered(): () => boolean {
    const waiting = [...this.#pending].filter(([, { isLasting }]) => isLasting).map(([id]) => id)
    return () => !waiting.some(id => this.#pending.has(id))
  }

  /** Sends the calls without an answer again, up to this one. */
  askAgain(last: number): void {
    for (const [id, { method, args, reject, askedAgain }] of [...this.#pending]) {
      if (id > last) continue
      let frame: Uint8Array
      try {
        frame = this.#encode(id, method, args)
      } catch (error) {
        // This host has a smaller limit than the last one.
        this.#pending.delete(id)
        reject(error)
        continue
      }
      this.#send(frame)
      askedAgain?.()
    }
  }

  /** Whether a call without an answer is larger than this. */
  exceeds(maxBytes: number): boolean {
    return [...this.#pending.values()].some(({ bytes }) => bytes > maxBytes)
  }

  rejectAll(error: MsgvanError): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }

  /** Rejects the calls that only read. */
  rejectReads(error: MsgvanError): void {
    for (const [id, { method, reject }] of [...this.#pending]) {
      if (traitsOf(method).reads !== true) continue
      this.#pending.delete(id)
      reject(error)
    }
  }

  #encode(id: number, method: string, args: unknown): Uint8Array {
    const given = typeof args === 'function' ? (args as () => unknown)() : args
    return encodeCall({ id, method, args: given }, this.#maxBytes())
  }
}
