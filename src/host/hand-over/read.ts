import type { KeptState } from '../../broker/state/kept-state.js'
import type { Subscription } from '../../broker/subscription/subscription.js'
import { describe } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { Fields } from '../../wire/frames/fields.js'
import { PROTOCOL } from '../../wire/protocol.js'
import { decodePattern } from '../../wire/frames/subscription-request.js'
import type { Outgoing } from '../backbone/contract/reach-memory.js'
import { Publisher } from '../session/publisher.js'
import type { SessionTransfer } from '../session/session-transfer.js'
import type { SessionState } from '../session/session.js'
import type { Van } from '../van/van.js'
import { CLIENTS_BACK_MS } from '../van/vans.js'
import { FORMAT, Kind } from './format.js'
import { OwedReader } from './owed-reader.js'
import { SessionReader } from './session-reader.js'
import { readRecordFile, type FileRecord } from './record-file.js'
import {
  countersOf,
  fieldsOf,
  idOf,
  publisherOf,
  readerOf,
  sessionOf,
  strange,
  subscriptionOf,
  valueOf,
} from './read-fields.js'

/** The result of a hand-over. */
export interface HandedOver {
  /** False: all of it is here already. */
  readonly isNew: boolean
  readonly messages: number
  readonly sessions: number
  /** The unreadable parts, for an operator; empty if there are none. */
  readonly trouble: readonly string[]
}

/**
 * Reads the file of the previous host into this one, before any client connects. Synchronous, with one record in memory at
 * a time. It leaves out damaged records and reports them. A second reading adds nothing.
 *
 * @throws ProtocolError if it is not such a file, or another version's
 */
export function readHandOver(path: string, sessions: SessionTransfer): HandedOver {
  const reader = new HandOverReader(sessions)
  const records = readRecordFile(path)
  for (let next = records.next(); ; next = records.next()) {
    if (next.done === true) return reader.finish(next.value.damaged, next.value.isTorn)
    if (!reader.take(next.value)) return { isNew: false, messages: 0, sessions: 0, trouble: [] }
  }
}

class HandOverReader {
  readonly #sessions: SessionTransfer
  readonly #owed = new OwedReader()
  /** Subscriptions that exist only for their consumers. */
  readonly #lent: [Van, Subscription][] = []
  readonly #trouble: string[] = []
  #isBegun = false
  /** Clients continue their sessions. Those of another protocol cannot. */
  #keepsSessions = true
  #van: Van | undefined
  #session: SessionReader | undefined
  #sessionCount = 0

  constructor(sessions: SessionTransfer) {
    this.#sessions = sessions
  }

  /** @returns false if all of it is here already */
  take({ kind, body }: FileRecord): boolean {
    if (!this.#isBegun) return this.#begin(kind, readerOf(body))
    try {
      this.#record(kind as Kind, readerOf(body))
    } catch (error) {
      this.#trouble.push(describe(error))
    }
    return true
  }

  finish(damaged: number, isTorn: boolean): HandedOver {
    if (!this.#isBegun) throw strange('is missing: the first one')
    this.#endSession()
    for (const [{ broker }, subscription] of this.#lent)
      if (subscription.members.all().length === 0) broker.transfer.discard(subscription)
    if (damaged > 0) this.#trouble.push(`${damaged} records are damaged`)
    if (isTorn) this.#trouble.push('the file ends too early')
    if (this.#owed.missing > 0)
      this.#trouble.push(`the payloads of ${this.#owed.missing} messages are missing`)
    return {
      isNew: true,
      messages: this.#owed.messages,
      sessions: this.#sessionCount,
      trouble: this.#trouble,
    }
  }

  #begin(kind: number, reader: ByteReader): boolean {
    const head = fieldsOf(valueOf(reader))
    const format = head.whole('format')
    if (kind !== Kind.Head || format > FORMAT)
      throw strange(
        `is of format ${format}, written by msgvan ${head.text('version', 64)}, which this version cannot read`,
      )
    const at = head.number('at', 0, Number.MAX_SAFE_INTEGER)
    if (!this.#sessions.continueFrom(head.text('memory', 64), head.text('host', 64), at)) return false
    this.#isBegun = true
    this.#keepsSessions = head.whole('protocol') === PROTOCOL
    this.#owed.writtenBefore(Math.max(0, Date.now() - at))
    return true
  }

  #record(kind: Kind, reader: ByteReader): void {
    switch (kind) {
      case Kind.Blobs:
        return this.#owed.addBlobs(reader)
      case Kind.Items:
        return this.#owed.items(reader)
      case Kind.Held:
        return this.#ofSession.held(reader)
      case Kind.Again:
        return this.#again(reader)
      case Kind.Frame:
        return this.#ofSession.frame(reader)
      default:
        return this.#value(kind, valueOf(reader), reader)
    }
  }

  #value(kind: Kind, value: unknown, reader: ByteReader): void {
    switch (kind) {
      case Kind.Van:
        return this.#beginVan(fieldsOf(value))
      case Kind.Subscription:
        return this.#subscription(fieldsOf(value))
      case Kind.Relay:
        return this.#relay(fieldsOf(value))
      case Kind.Letters:
        return this.#ofVan.broker.transfer.takeInLetters(this.#owed.letters(listOf(value), reader))
      case Kind.States:
        return this.#ofVan.broker.control.states.restore(value as KeptState[])
      case Kind.Delayed:
        return this.#delayed(listOf(value), reader)
      case Kind.Ids:
        return this.#ids(listOf(value))
      case Kind.Marks:
        return this.#marks(listOf(value))
      case Kind.Seen:
        return this.#seen(fieldsOf(value))
      case Kind.Session:
        return this.#beginSession(sessionOf(fieldsOf(value)))
      case Kind.Consumers:
        for (const each of listOf(value)) this.#ofSession.consumer(fieldsOf(each))
        return
      case Kind.Follower:
        return this.#ofSession.follower(fieldsOf(value))
      default:
        // A later version's record, which this one does not need.
        return
    }
  }

  get #ofVan(): Van {
    if (this.#van === undefined) throw strange('is of no van')
    return this.#van
  }

  /** The messages for the leader. */
  get #outgoing(): Outgoing | undefined {
    return this.#ofVan.reach.memory?.outgoing
  }

  get #ofSession(): SessionReader {
    if (this.#session === undefined) throw strange('is of no session')
    return this.#session
  }

  #beginVan(fields: Fields): void {
    this.#van = this.#sessions.van(fields.text('name', 200))
    this.#van.broker.transfer.addCounts(countersOf(fields.fields('counters')))
  }

  #subscription(fields: Fields): void {
    const state = subscriptionOf(fields)
    const van = this.#ofVan
    const { name } = state.rules
    if (name === undefined && !this.#keepsSessions) return
    const subscription = van.broker.transfer.adopt(state)
    this.#owed.register(fields.whole('number'), subscription)
    if (name === undefined || subscription.isLent) this.#lent.push([van, subscription])
  }

  /** Before any session: the messages for the leader. After the session of another host: the messages for that host. */
  #relay(fields: Fields): void {
    const outgoing = this.#outgoing
    const queue = this.#session === undefined ? outgoing?.queue : this.#session.session?.follower?.relay
    if (queue === undefined) return
    if (this.#session === undefined)
      outgoing?.continueFrom({
        wanted: fields.list('patterns').map(decodePattern),
        memory: fields.optional('memory', key => fields.text(key, 200)),
      })
    const owed = this.#ofVan.broker.transfer.queueOf(queue)
    owed.resume({ counts: countersOf(fields.fields('counts')), nextOrder: fields.whole('nextOrder') })
    this.#owed.register(fields.whole('number'), owed)
  }

  #again(reader: ByteReader): void {
    reader.varint()
    this.#outgoing?.owesAgain([...this.#owed.read(reader)].map(({ item: { envelope } }) => envelope))
  }

  #delayed(rules: readonly unknown[], reader: ByteReader): void {
    const { broker, vanStore } = this.#ofVan
    const { agenda, transfer } = broker.ruled
    // Clients of another protocol subscribe anew. A store has all of it before the first one is due.
    if (!this.#keepsSessions || vanStore !== undefined) agenda.begin(CLIENTS_BACK_MS)
    for (const each of this.#owed.delayed(rules, reader)) if (transfer.owes(each)) this.#owed.count()
  }

  #ids(ids: readonly unknown[]): void {
    const { transfer } = this.#ofVan.broker.ruled
    for (const each of ids) {
      const { key, topic, age } = idOf(fieldsOf(each))
      transfer.knows({ key, topic, age: age + this.#owed.elapsed })
    }
  }

  #marks(marks: readonly unknown[]): void {
    for (const each of marks) {
      const { client, mark } = publisherOf(fieldsOf(each))
      this.#ofVan.publishers.remember(client, new Publisher(mark, true))
      this.#ofVan.vanStore?.markTaken(client, mark)
    }
  }

  #seen(fields: Fields): void {
    const topics = fields.list('topics').map(pair => pair as [string, number])
    this.#ofVan.reach.memory?.seen?.restore(fields.text('publisher'), topics)
  }

  #beginSession(state: SessionState): void {
    this.#endSession()
    this.#session = new SessionReader({
      ...{ state, sessions: this.#sessions, owed: this.#owed },
      isKept: this.#keepsSessions && this.#sessions.admits(state),
    })
  }

  #endSession(): void {
    const session = this.#session
    this.#session = undefined
    if (session?.end() === true) this.#sessionCount += 1
  }
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw strange('is not a list')
  return value
}
