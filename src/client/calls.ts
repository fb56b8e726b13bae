import type { MsgvanError } from '../errors.js'
import { encodeCall, fromWireError, type Reply } from '../wire/control-frames.js'

interface Pending {
  readonly method: string
  readonly args: unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: MsgvanError) => void
  readonly askedAgain: (() => void) | undefined
}

/** Requests to the host that have an answer. They wait while there is no connection, and are asked again in a new session. */
export class Calls {
  readonly #send: (frame: Uint8Array) => void
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(send: (frame: Uint8Array) => void) {
    this.#send = send
  }

  /**
   * @param args themselves, or a function that makes them whenever the call is sent
   * @param askedAgain called after it was asked anew in a new session
   */
  call(method: string, args?: unknown, askedAgain?: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const frame = encode(id, method, args)
      this.#pending.set(id, { method, args, resolve, reject, askedAgain })
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

  /** Those without an answer, up to this one. */
  askAgain(last: number): void {
    for (const [id, { method, args, askedAgain }] of [...this.#pending]) {
      if (id > last) continue
      this.#send(encode(id, method, args))
      askedAgain?.()
    }
  }

  rejectAll(error: MsgvanError): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
  }
}

function encode(id: number, method: string, args: unknown): Uint8Array {
  return encodeCall({ id, method, args: typeof args === 'function' ? (args as () => unknown)() : args })
}
