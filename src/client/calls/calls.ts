import type { MsgvanError } from '../../errors.js'
import {
  definitionOf,
  maxCallBytes,
  type CallName,
  type ResultOf,
  type SentArgs,
} from '../../wire/calls/calls.js'
import type { CallDefinition } from '../../wire/calls/call-definition.js'
import { encodeCall, fromWireError, type Reply } from '../../wire/frames/control-frames.js'

interface Pending {
  readonly name: string
  readonly definition: CallDefinition<unknown, unknown, unknown>
  readonly args: unknown
  readonly resolve: (value: unknown) => void
  /** The size of its frame. */
  readonly bytes: number
  readonly reject: (error: unknown) => void
  readonly askedAgain: (() => void) | undefined
  readonly isLasting: boolean
  /** The host may have it. */
  wasSent: boolean
}

/** Calls to the host, each with an answer. They wait while there is no connection, and are sent again in a new session. */
export class Calls {
  readonly #send: (frame: Uint8Array) => void
  readonly #pending = new Map<number, Pending>()
  readonly #maxBytes: () => number
  #lastId = 0
  #isAttached = false

  /**
   * @param maxBytes returns the host's limit for the arguments, if it is known
   */
  constructor(send: (frame: Uint8Array) => void, maxBytes: () => number = () => Infinity) {
    this.#send = send
    this.#maxBytes = maxBytes
  }

  /** There is a connection: the calls go out. */
  attached(): void {
    this.#isAttached = true
    for (const call of this.#pending.values()) call.wasSent = true
  }

  detached(): void {
    this.#isAttached = false
  }

  /**
   * @param args the arguments, or a function that makes them whenever the call is sent
   * @param askedAgain called after it was sent again in a new session
   * @param isLasting its effect outlasts the bus
   */
  call<N extends CallName>(
    name: N,
    args?: SentArgs<N> | (() => SentArgs<N>),
    askedAgain?: () => void,
    isLasting?: boolean,
  ): Promise<ResultOf<N>> {
    const definition = definitionOf(name)
    return new Promise((resolve, reject) => {
      const call = {
        ...{ name, definition, args, reject, askedAgain },
        resolve: resolve as (value: unknown) => void,
        isLasting: isLasting ?? definition.outlastsBus === true,
        wasSent: this.#isAttached,
      }
      const id = ++this.#lastId
      const frame = this.#encode(id, call)
      this.#pending.set(id, { ...call, bytes: frame.length })
      this.#send(frame)
    })
  }

  answered(reply: Reply): void {
    const pending = this.#pending.get(reply.id)
    // It was rejected meanwhile.
    if (pending === undefined) return
    this.#pending.delete(reply.id)
    if ('error' in reply) pending.reject(fromWireError(reply.error))
    else {
      try {
        pending.resolve(pending.definition.result(reply.value))
      } catch (error) {
        pending.reject(error)
      }
    }
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

  /**
   * @returns a function that reports whether all present lasting calls are answered. Later ones do not count.
   */
  whetherLastingAnswered(): () => boolean {
    const waiting = [...this.#pending].filter(([, { isLasting }]) => isLasting).map(([id]) => id)
    return () => !waiting.some(id => this.#pending.has(id))
  }

  /** Sends the calls without an answer again in a new session, up to this one. */
  askAgain(last: number): void {
    for (const [id, call] of [...this.#pending]) {
      if (id > last) continue
      const isAgain = call.wasSent
      call.wasSent ||= this.#isAttached
      let frame: Uint8Array
      try {
        frame = this.#encode(id, call, isAgain)
      } catch (error) {
        // This host has a smaller limit than the last one.
        this.#pending.delete(id)
        call.reject(error)
        continue
      }
      this.#send(frame)
      call.askedAgain?.()
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
    for (const [id, { definition, reject }] of [...this.#pending]) {
      if (definition.reads !== true) continue
      this.#pending.delete(id)
      reject(error)
    }
  }

  /** @param isAgain the host, or one before it, may have carried it out */
  #encode(
    id: number,
    { name, definition, args }: Pick<Pending, 'name' | 'definition' | 'args'>,
    isAgain = false,
  ): Uint8Array {
    const sent = typeof args === 'function' ? (args as () => unknown)() : args
    return encodeCall(
      { id, method: name, args: definition.args.encode(sent), ...(isAgain ? { isAgain } : {}) },
      maxCallBytes(name, this.#maxBytes()),
    )
  }
}
