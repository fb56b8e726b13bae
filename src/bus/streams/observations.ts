import type { Subscriber } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import {
  errorFromCode,
  NotExposedError,
  ObservationLostError,
  RemoteError,
  TimeoutError,
  type MsgvanError,
} from '../../errors.js'
import type { Message } from '../../message/message.js'
import { EXPOSED } from '../../message/topic.js'
import { crossed } from '../actors/crossing-error.js'
import { CODE, FROM, type ReplyInbox } from '../actors/reply-inbox.js'
import { COUNT, KIND, LOOKS_GONE, STREAM, type StreamKind } from './stream-messages.js'

/** The longest wait for the first message of an exposure, in milliseconds. */
const BEGIN_MS = 30_000

/** One observation, on the side that observes. */
interface Observation {
  readonly name: string
  readonly subscriber: Subscriber<unknown>
  /** The address of the exposing bus, once it is known. */
  exposer: string | undefined
  /** The number of received values. */
  count: number
  patience: ReturnType<typeof setTimeout> | undefined
}

/** The observations of one bus. */
export class Observations {
  readonly #inbox: ReplyInbox
  readonly #running = new Map<string, Observation>()
  /** Addresses that the van did not find since the last look. */
  readonly #gone = new Set<string>()
  /** The number of looks in a row at which an address was not found. */
  #looksGone = new Map<string, number>()
  /** Addresses to which the last `observing` message is still on its way. */
  readonly #informing = new Set<string>()
  #lastId = 0

  constructor(inbox: ReplyInbox) {
    this.#inbox = inbox
  }

  get isIdle(): boolean {
    return this.#running.size === 0
  }

  /**
   * Cold: each subscription is one observation.
   *
   * @param begin called before the first message goes out
   */
  observe(name: string, args: unknown, begin: () => void): Observable<unknown> {
    return new Observable<unknown>(subscriber => {
      begin()
      this.#lastId += 1
      const id = String(this.#lastId)
      const observation: Observation = { name, subscriber, exposer: undefined, count: 0, patience: undefined }
      this.#running.set(id, observation)
      subscriber.add(() => this.#left(id, observation))
      const headers = { [FROM]: this.#inbox.address, [STREAM]: id }
      this.#inbox.post(EXPOSED + name, args, headers).then(
        () => this.#await(observation),
        (error: unknown) => subscriber.error(error),
      )
    })
  }

  read(message: Message): void {
    const { [KIND]: kind, [FROM]: from, [STREAM]: id = '' } = message.headers
    const observation = this.#running.get(id)
    if (observation !== undefined) this.#take(id, observation, kind as StreamKind, message)
    // The observer has gone, and the exposing bus may not know.
    else if (from !== undefined && (kind === 'begun' || kind === 'next' || kind === 'values'))
      this.#cancel(id, from)
  }

  #take(id: string, observation: Observation, kind: StreamKind, message: Message): void {
    const { subscriber } = observation
    clearTimeout(observation.patience)
    observation.exposer ??= message.headers[FROM]
    if (kind === 'error') {
      this.#running.delete(id)
      subscriber.error(failure(observation, message))
      return
    }
    const { values, error } = valuesOf(kind, message)
    if (error !== undefined) {
      // The payload cannot be read.
      subscriber.error(error)
      return
    }
    const count = Number(message.headers[COUNT])
    if (count !== observation.count + values.length) {
      this.#lost(observation, 'values were lost on their way')
      return
    }
    observation.count = count
    for (const value of values) subscriber.next(value)
    if (kind !== 'done') return
    this.#running.delete(id)
    subscriber.complete()
  }

  /** The exposing bus sends which observations of this bus run there. */
  compare(from: string, running: ReadonlyMap<string, number>): void {
    for (const id of running.keys()) if (!this.#running.has(id)) this.#cancel(id, from)
    for (const [id, observation] of [...this.#running]) {
      if (observation.exposer !== from) continue
      const count = running.get(id)
      if (count === undefined) this.#lost(observation, 'the exposing bus does not know it any more')
      else if (count > observation.count) this.#lost(observation, 'values were lost on their way')
    }
  }

  gone(address: string): void {
    this.#gone.add(address)
  }

  /** Called from time to time: checks that the exposing buses are there. */
  look(): void {
    const observed = new Map<string, string[]>()
    for (const [id, { exposer }] of this.#running) {
      if (exposer === undefined) continue
      const ids = observed.get(exposer)
      if (ids === undefined) observed.set(exposer, [id])
      else ids.push(id)
    }
    const looks = new Map([...this.#gone].map(address => [address, (this.#looksGone.get(address) ?? 0) + 1]))
    this.#gone.clear()
    this.#looksGone = looks
    for (const [exposer, ids] of observed) {
      if ((looks.get(exposer) ?? 0) >= LOOKS_GONE) this.#loseAll(exposer)
      else this.#inform(exposer, ids)
    }
  }

  /** Sends which streams this bus observes there. One message at a time: without a connection they would pile up. */
  #inform(exposer: string, ids: readonly string[]): void {
    if (this.#informing.has(exposer)) return
    this.#informing.add(exposer)
    const headers = { [KIND]: 'observing' satisfies StreamKind, [FROM]: this.#inbox.address }
    this.#inbox
      .post(exposer, ids, headers)
      .catch(() => undefined)
      .finally(() => this.#informing.delete(exposer))
  }

  /** No more messages come. */
  end(error: MsgvanError | undefined): void {
    const running = [...this.#running.values()]
    this.#running.clear()
    for (const { subscriber, patience } of running) {
      clearTimeout(patience)
      if (error === undefined) subscriber.complete()
      else subscriber.error(error)
    }
  }

  /** The bus closes: cancels every observation at its exposing bus, and completes it here. */
  close(): void {
    for (const [id, { exposer }] of this.#running) if (exposer !== undefined) this.#cancel(id, exposer)
    this.end(undefined)
  }

  #loseAll(exposer: string): void {
    for (const observation of [...this.#running.values()])
      if (observation.exposer === exposer) this.#lost(observation, 'the exposing bus is gone')
  }

  #lost({ name, subscriber }: Observation, why: string): void {
    subscriber.error(
      new ObservationLostError(
        `The observable ${JSON.stringify(name)} broke off: ${why}. Subscribe again, as retry() does.`,
      ),
    )
  }

  /** The van took the request over. Now an exposing bus has to begin. */
  #await(observation: Observation): void {
    const { name, subscriber, exposer } = observation
    if (subscriber.closed || exposer !== undefined) return
    observation.patience = setTimeout(() => {
      const seconds = BEGIN_MS / 1_000
      subscriber.error(
        new TimeoutError(
          `The bus that exposes ${JSON.stringify(name)} did not begin within ${seconds} s: it is busy, or away. Try again, as retry() does.`,
        ),
      )
    }, BEGIN_MS)
  }

  #left(id: string, observation: Observation): void {
    clearTimeout(observation.patience)
    // The stream still runs: it has not ended on the other side.
    if (this.#running.delete(id) && observation.exposer !== undefined) this.#cancel(id, observation.exposer)
  }

  #cancel(id: string, exposer: string): void {
    const headers = { [KIND]: 'cancel' satisfies StreamKind, [STREAM]: id, [FROM]: this.#inbox.address }
    this.#inbox.post(exposer, undefined, headers).catch(() => undefined)
  }
}

interface Values {
  readonly values: readonly unknown[]
  readonly error?: unknown
}

const noValues: Values = { values: [] }

/** The values in a message, or the error that it cannot be read. */
function valuesOf(kind: StreamKind, message: Message): Values {
  if (kind !== 'next' && kind !== 'values') return noValues
  try {
    const { payload } = message
    if (kind === 'next') return { values: [payload] }
    return Array.isArray(payload) ? { values: payload } : noValues
  } catch (error) {
    return { values: [], error }
  }
}

/** The error that came in place of a value. */
function failure({ name }: Observation, message: Message): MsgvanError {
  const code = message.headers[CODE]
  if (code === 'MSGVAN_NOT_EXPOSED')
    return new NotExposedError(
      `${JSON.stringify(name)} is not exposed in this van. Start a process that exposes it, or try again later: retry({ delay: 1000 }).`,
    )
  const { error, cause } = crossed(
    message,
    `The observable ${JSON.stringify(name)} broke off without a reason.`,
  )
  if (code === undefined || code === 'MSGVAN_REMOTE') return new RemoteError(error, { cause })
  return errorFromCode(code, error)
}
