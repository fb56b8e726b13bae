import { encodePayload, tooLarge } from '../../codec/payload.js'
import { HostUnreachableError, MsgvanError, RemoteError } from '../../errors.js'
import { newId } from '../../message/new-id.js'
import type { Broker } from '../contract/broker.js'
import type { StateChange, StateEntry, StateOutcome } from '../contract/control.js'

/** The longest wait for the host that decides about states. */
const PATIENCE_MS = 15_000
const AGAIN_MS = 100

/** The changes of states that one bus makes: those of one state one after another, each of them once. */
export class StatesOfBus {
  readonly #broker: Broker
  readonly #maxPayload: number
  readonly #id = newId()
  #lastNumber = 0
  /** The last change of a state, while it is on its way. */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(broker: Broker, maxPayload: number) {
    this.#broker = broker
    this.#maxPayload = maxPayload
  }

  get broker(): Broker {
    return this.#broker
  }

  get(topic: string): Promise<StateEntry> {
    return this.#patiently(() => this.#broker.control.states.get(topic))
  }

  keys(pattern: RegExp | string): Promise<string[]> {
    return this.#patiently(() => this.#broker.control.states.keys(pattern))
  }

  /** Those of one state have their turn one after another. */
  inTurn<R>(topic: string, run: () => Promise<R>): Promise<R> {
    const before = this.#busy.get(topic)
    const result = before === undefined ? run() : before.then(run, run)
    const over = (): void => {
      if (this.#busy.get(topic) === result) this.#busy.delete(topic)
    }
    this.#busy.set(topic, result)
    result.then(over, over)
    return result
  }

  /** Call it in turn. */
  change(topic: string, value: unknown, expected?: number): Promise<StateOutcome> {
    const encoded = value === undefined ? {} : { value: this.#encoded(value) }
    this.#lastNumber += 1
    const change: StateChange = {
      topic,
      ...encoded,
      ...(expected === undefined ? {} : { expected }),
      by: this.#id,
      number: this.#lastNumber,
    }
    // It has the same number each time: what was done before is not done again.
    return this.#patiently(() => this.#broker.control.states.change(change))
  }

  #encoded(value: unknown): Uint8Array {
    const bytes = encodePayload(value)
    checkSize(bytes.length, this.#maxPayload)
    return bytes
  }

  /** A host that is away may come back. */
  async #patiently<R>(ask: () => Promise<R>): Promise<R> {
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!isAway(error) || performance.now() >= until) throw error
      }
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof HostUnreachableError || error instanceof RemoteError || isLost(error)
}

/** The host that was asked is another one now. */
function isLost(error: unknown): boolean {
  return error instanceof MsgvanError && error.code === 'MSGVAN_SESSION_LOST'
}

function checkSize(size: number, most: number): void {
  if (size > most) throw tooLarge(size, most)
}
