import {
  comesBefore,
  type Delayed,
  type DelayKeeper,
  type Firing,
  type Place,
} from '../../../broker/delayed/delayed.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import { newId } from '../../../message/new-id.js'
import type { StoreTransaction } from '../../../store/store.js'
import { decodeMessage, encodeMessage } from '../message-codec.js'
import { Unwritten } from './unwritten.js'
import { padded, type VanRecords } from './van-records.js'

/** The sums of the others, in one record. */
const SUMS = '!sums'
const FIRING = '!firing'

interface Sums {
  readonly count: number
  readonly bytes: number
  readonly lastOrder: number
}

interface KeptFiring {
  readonly publisher: string
  readonly first: number
  readonly keys: readonly string[]
}

interface KeptDelayed {
  readonly message: Uint8Array
  readonly id?: string
  readonly ttl?: number
  /** When it is due by the clock of the process that took it over, and that process. */
  readonly elapsed?: number
  readonly process: string
}

/** Delayed messages in the store, in the order in which they are due. */
export class StoredDelays implements DelayKeeper {
  readonly #records: VanRecords
  readonly #unwritten: Unwritten<Delayed>
  /** Removed because they were published. */
  readonly #fired = new Map<string, Delayed>()
  readonly #process = newId()
  #sums: Sums = { count: 0, bytes: 0, lastOrder: 0 }
  #firing: KeptFiring | undefined
  #hasNews = false
  refused: (messages: readonly Delayed[]) => void = () => undefined
  unfired: (messages: readonly Delayed[]) => void = () => undefined
  readonly #kept: () => Promise<void> | undefined

  /** @param kept see `VanStore.kept` */
  constructor(records: VanRecords, kept: () => Promise<void> | undefined) {
    this.#records = records
    this.#kept = kept
    this.#unwritten = new Unwritten(records, 'delayed', message => this.#encode(message))
  }

  load(): void {
    const read = <T>(key: string): T | undefined => {
      const value = this.#records.get('delayed', key)
      return value === undefined ? undefined : (decodePayload(value) as T)
    }
    this.#sums = read<Sums>(SUMS) ?? this.#sums
    this.#firing = read<KeptFiring>(FIRING)
  }

  get count(): number {
    return this.#sums.count
  }

  get bytes(): number {
    return this.#sums.bytes
  }

  newOrder(): number {
    this.#sums = { ...this.#sums, lastOrder: this.#sums.lastOrder + 1 }
    return this.#sums.lastOrder
  }

  add(message: Delayed): void {
    this.#unwritten.set(keyOf(message), message)
    this.#counted(message, 1)
  }

  cancel(message: Delayed): void {
    this.#unwritten.set(keyOf(message), undefined)
    this.#counted(message, -1)
  }

  find(place: Place): Delayed | undefined {
    const key = keyOf(place)
    if (this.#unwritten.has(key)) return this.#unwritten.get(key)
    const value = this.#records.get('delayed', key)
    return value === undefined ? undefined : this.#read(key, value)
  }

  read(isByWall: boolean, after: Place | undefined, most: number): Delayed[] {
    const kind = kindOf(isByWall)
    const found: Delayed[] = []
    for (const [key, value] of this.#records.after(
      'delayed',
      kind,
      after === undefined ? kind : keyOf(after),
    )) {
      if (found.length === most) break
      const message = this.#unwritten.has(key) ? undefined : this.#read(key, value)
      if (message !== undefined) found.push(message)
    }
    for (const [, message] of this.#unwritten.all())
      if (message.isByWall === isByWall && (after === undefined || comesBefore(after, message)))
        found.push(message)
    return found.sort((a, b) => (comesBefore(a, b) ? -1 : 1)).slice(0, most)
  }

  begin({ publisher, first, messages }: Firing): Promise<void> | undefined {
    this.#firing = { publisher, first, keys: messages.map(keyOf) }
    this.#changed()
    return this.#kept()
  }

  fired(message: Delayed): void {
    const key = keyOf(message)
    this.#fired.set(key, message)
    this.#unwritten.set(key, undefined)
    this.#counted(message, -1)
  }

  ended(): void {
    this.#firing = undefined
    this.#changed()
  }

  begun(): Firing | undefined {
    if (this.#firing === undefined) return undefined
    const { publisher, first, keys } = this.#firing
    const messages = keys.map(key => this.find(placeOf(key)))
    const present = messages.filter(message => message !== undefined)
    // All of them are published in one transaction, or none.
    return present.length === keys.length ? { publisher, first, messages: present } : undefined
  }

  collect(transaction: StoreTransaction): (isWritten: boolean) => void {
    const fired = new Map(this.#fired)
    this.#fired.clear()
    const ended = this.#unwritten.collect(transaction)
    const hadNews = this.#hasNews
    this.#hasNews = false
    if (hadNews) this.#collectOwn(transaction)
    return isWritten => {
      const failed = ended(isWritten)
      if (isWritten) return
      this.#hasNews ||= hadNews
      const refused: Delayed[] = []
      const unfired: Delayed[] = []
      for (const [key, message] of failed) {
        const published = fired.get(key)
        if (message !== undefined) refused.push(message)
        else if (published !== undefined) unfired.push(published)
        else this.#unwritten.set(key, undefined)
      }
      for (const message of refused) this.#counted(message, -1)
      for (const message of unfired) this.#counted(message, 1)
      this.refused(refused)
      this.unfired(unfired)
    }
  }

  #collectOwn(transaction: StoreTransaction): void {
    const { prefix } = this.#records
    transaction.put('delayed', prefix + SUMS, encodePayload(this.#sums))
    if (this.#firing === undefined) transaction.remove('delayed', prefix + FIRING)
    else transaction.put('delayed', prefix + FIRING, encodePayload(this.#firing))
  }

  #counted({ envelope }: Delayed, by: 1 | -1): void {
    const { count, bytes, lastOrder } = this.#sums
    this.#sums = { count: count + by, bytes: Math.max(0, bytes + by * envelope.size), lastOrder }
    this.#changed()
  }

  #changed(): void {
    if (this.#records.isFrozen) return
    this.#hasNews = true
    this.#records.changed()
  }

  #encode({ envelope, id, ttl, elapsed }: Delayed): Uint8Array {
    return encodePayload({
      message: encodeMessage(envelope),
      process: this.#process,
      ...(id === undefined ? {} : { id }),
      ...(ttl === undefined ? {} : { ttl }),
      ...(elapsed === undefined ? {} : { elapsed }),
    } satisfies KeptDelayed)
  }

  /** A damaged one is set aside. */
  #read(key: string, value: Uint8Array): Delayed | undefined {
    try {
      const place = placeOf(key)
      const { message, id, ttl, elapsed, process } = decodePayload(value) as KeptDelayed
      const isOwn = process === this.#process
      return {
        ...place,
        ...{ id, ttl },
        elapsed: isOwn ? elapsed : undefined,
        envelope: decodeMessage(message),
      }
    } catch (error) {
      this.#records.setAside({ table: 'delayed', key: this.#records.prefix + key, value, error })
      return undefined
    }
  }
}

function kindOf(isByWall: boolean): string {
  return isByWall ? 'at/' : 'in/'
}

function keyOf({ isByWall, due, order }: Place): string {
  return `${kindOf(isByWall)}${padded(due)}/${padded(order)}`
}

function placeOf(key: string): Place {
  const [kind, due, order] = key.split('/')
  return { isByWall: kind === 'at', due: Number(due), order: Number(order) }
}
