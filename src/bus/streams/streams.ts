import type { Observable, Subscription } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import type { Broker } from '../contract/broker.js'
import { Exposures, type Factory } from './exposures.js'
import { FROM, goneFrom, ReplyInbox, type Send } from '../actors/reply-inbox.js'
import { Observations } from './observations.js'
import { KIND, LOOK_MS, STREAM } from './stream-messages.js'

/**
 * Remote observables, both ends. They are messages between the addresses of two buses. Both ends count the values, and
 * regularly check that the other end is there and has the same count. So each end notices every loss.
 */
export class Streams {
  readonly #inbox: ReplyInbox
  readonly #exposures: Exposures
  readonly #observations: Observations
  #looks: ReturnType<typeof setInterval> | undefined

  constructor(broker: Broker, send: Send) {
    this.#inbox = new ReplyInbox(broker, send)
    this.#exposures = new Exposures(broker, this.#inbox)
    this.#observations = new Observations(this.#inbox)
  }

  expose(name: string, factory: Factory): Subscription {
    this.#open()
    return this.#exposures.expose(name, factory, () => this.#lookOut())
  }

  observe(name: string, args: unknown): Observable<unknown> {
    return this.#observations.observe(name, args, () => {
      this.#open()
      this.#lookOut()
    })
  }

  /** Informs the other ends before its bus goes. Observations end first, so that those of its own exposures complete. */
  close(): void {
    clearInterval(this.#looks)
    this.#observations.close()
    this.#exposures.close()
  }

  #open(): void {
    this.#inbox.open({ read: message => this.#read(message), ended: error => this.#ended(error) })
  }

  #read(message: Message): void {
    const { [KIND]: kind, [FROM]: from = '', [STREAM]: id = '' } = message.headers
    const gone = goneFrom(message)
    if (gone !== undefined) {
      this.#exposures.gone(gone)
      this.#observations.gone(gone)
    } else if (kind === 'cancel') this.#exposures.cancel(from, id)
    else if (kind === 'observing') this.#exposures.compare(from, listOf(message).map(String))
    else if (kind === 'running') this.#observations.compare(from, new Map(listOf(message).filter(isEntry)))
    else this.#observations.read(message)
  }

  #ended(error: MsgvanError | undefined): void {
    clearInterval(this.#looks)
    this.#observations.end(error)
  }

  #lookOut(): void {
    if (this.#looks !== undefined) return
    this.#looks = setInterval(() => {
      this.#exposures.look()
      this.#observations.look()
      if (!this.#exposures.isIdle || !this.#observations.isIdle) return
      clearInterval(this.#looks)
      this.#looks = undefined
    }, LOOK_MS)
    // The timer does not keep the process alive. A browser's timer is a number.
    if (typeof this.#looks === 'object') this.#looks.unref()
  }
}

/** Any client can send such a message, so its payload may be anything. */
function listOf(message: Message): readonly unknown[] {
  try {
    const { payload } = message
    return Array.isArray(payload) ? payload : []
  } catch {
    return []
  }
}

function isEntry(entry: unknown): entry is [string, number] {
  return Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number'
}
