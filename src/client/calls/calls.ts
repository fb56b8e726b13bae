import type { MsgvanError } from '../../errors.js'
import { traitsOf } from '../../wire/calls.js'
import { encodeCall, fromWireError, type Reply } from '../../wire/frames/control-frames.js'

interface Pending {
  readonly method: string
  readonly args: unknown
  readonly resolve: (value: unknown) => void
  /** Of its frame. */
  readonly bytes: number
  readonly reject: (error: unknown) => void
  readonly askedAgain: (() => void) | undefined
  readonly isLasting: boolean
}

/** Requests to the host that have an answer. They wait while there is no connection, and are asked again in a new session. */
export class Calls {
  readonly #send: (frame: Uint8Array) => void
  readonly #pending = new Map<number, Pending>()
  readonly #maxBytes: () => number
  #lastId = 0

  /** @param maxBytes what the host takes of arguments, as far as that is known */
  constructor(send: (frame: Uint8Array) => void, maxBytes: () => number = () => Infinity) {
    this.#send = send
    this.#maxBytes = maxBytes
  }

  /**
   * @param args themselves, or a function that makes them whenever the call is sent
   * @param askedAgain called after it was asked anew in a new session
   * @param isLasting what it asks for outlasts the bus
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
    // One that was rejected meanwhile.
    if (pending === undefined) return
    this.#pending.delete(reply.id)
    if ('error' in reply) pending.reject(fromWireError(reply.error))
    else pending.resolve(reply.value)
  }

  /** The last one that was asked. */
  get last(): number {
    return this.#lastId
  }

  /** Those without an answer that ask for what outlasts the bus. */
  get lasting(): number {
    let count = 0
    for (const { isLasting } of this.#pending.values()) if (isLasting) count += 1
    return count
  }

  /** Tells, whenever it is asked, whether all of those that wait now are answered; not what comes later. */
  whetherLastingAnswered(): () => boolean {
    const waiting = [...this.#pending].filter(([, { isLasting }]) => isLasting).map(([id]) => id)
    return () => !waiting.some(id => this.#pending.has(id))
  }

  /** Those without an answer, up to this one. */
  askAgain(last: number): void {
    for (const [id, { method, args, reject, askedAgain }] of [...this.#pending]) {
      if (id > last) continue
      let frame: Uint8Array
      try {
        frame = this.#encode(id, method, args)
      } catch (error) {
        // This host takes less than the one before.
        this.#pending.delete(id)
        reject(error)
        continue
      }
      this.#send(frame)
      askedAgain?.()
    }
  }

  /** Whether one waits that this host cannot take. */
  exceeds(maxBytes: number): boolean {
    return [...this.#pending.values()].some(({ bytes }) => bytes > maxBytes)
  }

  rejectAll(error: MsgvanError): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }

  /** Those that only ask. */
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
