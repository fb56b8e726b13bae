import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import { OpenPlaces } from '../../broker/durable/open-places.js'
import { wantingOf, type Wants } from '../../broker/wanting.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { MissingStatus } from '../../bus/contract/status.js'
import { describePattern } from '../../message/pattern.js'
import { decodePayload } from '../../codec/payload.js'
import type { Damage } from '../../store/damage.js'
import { LOG_COPY, type Store } from '../../store/store.js'
import { decodeRequest } from '../../wire/frames/subscription-request.js'
import { copiesIn } from './cursor-copies.js'
import { decodeCursor, type CursorState } from './stored-cursor.js'
import { headsOf } from './log.js'

/** The store's record of a log itself. */
export interface LogRecord {
  readonly van: string
  /** It holds messages for this host's leader. */
  readonly isOutbox?: boolean
  readonly end: number
  readonly bytes: number
}

export type StoreReader = Pick<Store, 'scan' | 'get' | 'records'>

/** The rest of one van's log after a piece of the store was set aside. */
export interface Accounts {
  readonly missing: readonly MissingStatus[]
  /** The mended cursors, by their keys; undefined: the subscription is gone. */
  readonly cursors: ReadonlyMap<string, CursorState | undefined>
  /** Records of lost subscriptions, from their copies. */
  readonly restored: ReadonlyMap<string, Uint8Array>
}

/** Places of a log. */
interface Range {
  readonly first: number
  readonly before: number
}

interface Owed {
  readonly key: string
  readonly label: string
  readonly wants: Wants
  readonly cursor: CursorState
  /** Of the pending messages: found. */
  waiting: number
  readonly open: [place: number, failures: number][]
}

interface LogPart {
  readonly number: number
  readonly end: number
  readonly isOutbound: boolean
}

/** Compares each subscription's cursor with the rest of its log, and lists the losses. */
export function accountsOf(store: StoreReader, log: LogPart, damages: readonly Damage[]): Accounts {
  const auditor = new Auditor(store, log, damages)
  auditor.subscriptions()
  auditor.cursorsWithoutRules()
  auditor.openMessages()
  auditor.places()
  return auditor.accounts
}

/** Goes through one log's cursors in four steps, in this order. */
class Auditor {
  readonly #store: StoreReader
  readonly #log: LogPart
  readonly #ranges: readonly Range[]
  /** The log may have been longer than its rest: its true end is unknown. */
  readonly #isOpen: boolean
  readonly #missing: MissingStatus[] = []
  readonly #cursors = new Map<string, CursorState | undefined>()
  readonly #owed: Owed[] = []
  /** Cursors whose subscription has not come up yet. */
  readonly #kept: Map<string, Uint8Array>
  readonly #rules: ReadonlyMap<string, Uint8Array>
  readonly #copies: ReturnType<typeof copiesIn>
  readonly #restored: ReadonlyMap<string, Uint8Array>
  #oldest: number | undefined

  constructor(store: StoreReader, log: LogPart, damages: readonly Damage[]) {
    this.#store = store
    this.#log = log
    const prefix = `${log.number}/`
    const lost = damages
      .filter(damage => damage.table === 'chunks' && (damage.log ?? log.number) === log.number)
      .map(({ first = 1, before }) => ({ first: Math.max(first, 1), before }))
    this.#ranges = merged(
      lost.map(({ first, before = log.end }) => ({ first, before: Math.min(before, log.end) })),
    )
    this.#isOpen = lost.some(({ first, before }) => before === undefined && first >= log.end)
    const own = (table: 'books' | 'subscriptions'): Map<string, Uint8Array> =>
      new Map([...store.records(table, prefix)].map(([key, value]) => [key.slice(prefix.length), value]))
    this.#kept = own('books')
    const rules = own('subscriptions')
    this.#rules = rules
    this.#copies = copiesIn(store.records('copies', prefix), prefix)
    this.#restored = new Map([...this.#copies.rules].filter(([key]) => !rules.has(key)))
  }

  get accounts(): Accounts {
    return { missing: this.#missing, cursors: this.#cursors, restored: this.#restored }
  }

  subscriptions(): void {
    for (const [key, value] of [...this.#rules, ...this.#restored]) {
      const rules = rulesIn(value)
      const state = this.#kept.get(key)
      this.#kept.delete(key)
      // Loading reports rules that cannot be used.
      if (rules === undefined) continue
      const label = this.#log.isOutbound ? 'the leader' : labelOf(key, describePattern(rules.pattern))
      if (state === undefined) this.#withoutCursor(key, label)
      else this.#withCursor(key, label, rules, decodeCursor(state))
    }
  }

  /** It continues from its copy, or from the beginning of the log. */
  #withoutCursor(key: string, label: string): void {
    const copy = this.#copies.cursors.get(key)
    if (copy === undefined) this.#oldest ??= firstOf(this.#store, this.#log)
    const { high, open } = copy === undefined ? nothingDone(this.#oldest) : decodeCursor(copy)
    // All matches come from the log, after any count.
    this.#cursors.set(key, {
      high,
      liveFrom: this.#log.end,
      droppedThrough: 0,
      waiting: 0,
      waitingBytes: 0,
      open,
    })
    this.#missing.push({
      subscription: label,
      text:
        copy === undefined
          ? `the cursor of ${label} is lost: the host delivers all kept matching messages again`
          : `the last moments of the cursor of ${label} are lost: the host delivers the messages of these moments again`,
    })
    const most = within(this.#ranges, high + 1)
    if (most > 0)
      this.#missing.push({
        subscription: label,
        messages: most,
        text: `up to ${messagesOf(most)} that waited for ${label}`,
      })
    if (this.#isOpen) this.#missing.push(perhaps(label))
  }

  #withCursor(key: string, label: string, rules: SubscriptionRequest, cursor: CursorState): void {
    const needs = Math.min(
      cursor.waiting > 0 || cursor.high + 1 < cursor.liveFrom ? cursor.high + 1 : this.#log.end,
      cursor.open.first,
    )
    if (!this.#isOpen && !this.#ranges.some(({ before }) => before > needs)) return
    const wants = this.#log.isOutbound ? () => true : wantingOf(rules, linearMatcher)
    this.#owed.push({ key, label, cursor, wants, waiting: 0, open: [] })
  }

  cursorsWithoutRules(): void {
    for (const [key, value] of this.#kept) {
      this.#cursors.set(key, undefined)
      const { waiting, open } = decodeCursor(value)
      const label = labelOf(key)
      const messages = waiting + open.size
      this.#missing.push({
        subscription: label,
        messages,
        text: `the rules of ${label}, and ${messagesOf(messages)} that waited there`,
      })
    }
  }

  openMessages(): void {
    if (this.#owed.length === 0) return
    count(this.#store, this.#log, this.#owed)
    for (const each of this.#owed)
      settle(each, this.#ranges, { cursors: this.#cursors, missing: this.#missing })
  }

  places(): void {
    for (const { first, before } of this.#ranges)
      this.#missing.push({
        messages: before - first,
        text: `up to ${messagesOf(before - first)} of the log, from place ${first} to ${before - 1}`,
      })
    if (this.#isOpen)
      this.#missing.push({
        text: `perhaps messages at the end of the log, from place ${this.#log.end} on: how many there were is not known`,
      })
  }
}

/** Adjacent losses are bounded by the next whole piece each: no place counts twice. */
function merged(ranges: readonly Range[]): Range[] {
  const all: Range[] = []
  for (const range of ranges
    .filter(({ first, before }) => first < before)
    .sort((a, b) => a.first - b.first)) {
    const last = all.at(-1)
    if (last === undefined || range.first > last.before) all.push(range)
    else all[all.length - 1] = { first: last.first, before: Math.max(last.before, range.before) }
  }
  return all
}

/** The number of lost places from this one on. */
function within(ranges: readonly Range[], from: number): number {
  return ranges.reduce((sum, { first, before }) => sum + Math.max(0, before - Math.max(first, from)), 0)
}

function perhaps(label: string): MissingStatus {
  return {
    subscription: label,
    text: `perhaps messages that waited for ${label}: how far the log went is not known`,
  }
}

/** It came after the subscription began, and was neither handed out nor thrown away. */
function isLive({ high, liveFrom, droppedThrough }: CursorState, place: number): boolean {
  return place > high && place >= liveFrom && place > droppedThrough
}

/** Goes through the log once. */
function count(
  store: StoreReader,
  log: { readonly number: number; readonly end: number },
  owed: readonly Owed[],
): void {
  const from = Math.min(...owed.map(({ cursor }) => Math.min(cursor.high + 1, cursor.open.first)))
  for (const chunk of store.scan(log.number, from)) {
    headsOf(chunk).forEach(({ topic, headers }, index) => {
      const place = chunk.first + index
      for (const each of owed) {
        const failures = each.cursor.open.get(place)
        if (failures !== undefined) each.open.push([place, failures])
        else if (isLive(each.cursor, place) && each.wants(topic, headers, place)) each.waiting += 1
      }
    })
  }
}

function settle(
  { key, label, cursor, waiting, open }: Owed,
  ranges: readonly Range[],
  { cursors, missing }: { cursors: Map<string, CursorState | undefined>; missing: MissingStatus[] },
): void {
  const left = Math.min(waiting, cursor.waiting)
  const messages = cursor.waiting - left + cursor.open.size - open.length
  if (messages > 0) {
    missing.push({ subscription: label, messages, text: `${messagesOf(messages)} that waited for ${label}` })
    // The sizes of the missing messages are unknown.
    const waitingBytes = left === 0 ? 0 : Math.round((cursor.waitingBytes * left) / cursor.waiting)
    cursors.set(key, { ...cursor, waiting: left, waitingBytes, open: new OpenPlaces(open) })
  }
  const replayed = ranges.reduce(
    (sum, { first, before }) =>
      sum + Math.max(0, Math.min(before, cursor.liveFrom) - Math.max(first, cursor.high + 1)),
    0,
  )
  if (replayed > 0)
    missing.push({
      subscription: label,
      messages: replayed,
      text: `up to ${messagesOf(replayed)} that ${label} was to replay`,
    })
}

/** A piece of a log was found damaged by a reader: names the subscriptions that may have waited for its messages. */
export function missingFrom(
  first: number,
  { store, number, end }: { readonly store: StoreReader; readonly number: number; readonly end: number },
  cursors: ReadonlyMap<string, CursorState>,
): MissingStatus {
  let before = end
  for (const chunk of store.scan(number, first + 1)) {
    before = chunk.first
    break
  }
  const mayWait = ({ high, liveFrom, waiting, open }: CursorState): boolean =>
    ((waiting > 0 || high + 1 < liveFrom) && high + 1 < before) ||
    [...open].some(([place]) => place >= first && place < before)
  const names = [...cursors].filter(([, cursor]) => mayWait(cursor)).map(([key]) => labelOf(key))
  const whose =
    names.length === 0
      ? 'no subscription waited for them'
      : `perhaps some that waited for ${names.join(', ')}`
  return {
    messages: before - first,
    text: `up to ${messagesOf(before - first)} of the log, from place ${first} to ${before - 1}: ${whose}`,
  }
}

/**
 * @throws InvalidPatternError and others if this version cannot use it
 */
export function usableRequest(encoded: unknown): SubscriptionRequest {
  const request = decodeRequest(encoded)
  if (typeof request.pattern !== 'string') linearMatcher(request.pattern)
  return request
}

export function unusableRules(key: string, messages: number): MissingStatus {
  const label = labelOf(key)
  return {
    subscription: label,
    messages,
    text: `the rules of ${label}, which cannot be used, and ${messagesOf(messages)} that waited there`,
  }
}

function rulesIn(record: Uint8Array): SubscriptionRequest | undefined {
  try {
    return usableRequest((decodePayload(record) as { request: unknown }).request)
  } catch {
    return undefined
  }
}

export interface MissingInVan extends MissingStatus {
  readonly van?: string
}

/** All losses of a store, with their names. */
export function missingIn(store: StoreReader, damages: readonly Damage[]): MissingInVan[] {
  const missing: MissingInVan[] = []
  for (const [number, log] of logsIn(store)) {
    const { van, isOutbox: isOutbound = false } = log
    const { end } = extentOf(store, number, log)
    for (const each of accountsOf(store, { number, isOutbound, end }, damages).missing)
      missing.push({ van, ...each })
  }
  return [...missing, ...otherMissing(damages)]
}

/** The losses beside the logs. */
export function otherMissing(damages: readonly Damage[]): MissingInVan[] {
  const counted = (of: Damage['table'], one: string, many: string): MissingInVan[] => {
    const all = damages.filter(({ table }) => table === of)
    const known = all.filter(({ key }) => key !== undefined).length
    return [
      ...(known === 0 ? [] : [{ messages: known, text: known === 1 ? one : `${known} ${many}` }]),
      ...(known === all.length ? [] : [{ text: `perhaps ${many}: how many is not known` }]),
    ]
  }
  const named = damages.flatMap(({ table, key = '', why }) => {
    if (table === 'handlers') return [registered('handler', key)]
    if (table === 'actors') return [registered('actor', key)]
    if (table === 'publishers')
      return [
        {
          text: `how far the publisher ${key || '(unknown)'} has come: messages that it sends again may come twice`,
        },
      ]
    if (table === 'logs' || table === 'meta')
      return [{ text: `a record of the store itself (${key || why})` }]
    return []
  })
  const isLost = (of: Damage['table']): boolean =>
    damages.some(({ table, key }) => table === of && key === undefined)
  const unknown = [
    // Their copies show which there were.
    ...(isLost('subscriptions') && isLost('copies')
      ? [{ text: 'perhaps subscriptions, with all that waited there: it is not known which' }]
      : []),
    ...(damages.some(({ table, log }) => table === 'chunks' && log === undefined)
      ? [{ text: 'perhaps messages: how many, and of which log, is not known' }]
      : []),
  ]
  return [
    ...unknown,
    ...counted('letters', 'a dead letter', 'dead letters'),
    ...counted(
      'owed',
      '1 message that was replayed from dead letters',
      'messages that were replayed from dead letters',
    ),
    ...named,
  ]
}

function registered(what: string, key: string): MissingInVan {
  try {
    const [van, name] = JSON.parse(key) as [string, string]
    return { van, text: `the ${what} ${name}` }
  } catch {
    return { text: key === '' ? `perhaps ${what}s: it is not known which` : `the ${what} ${key}` }
  }
}

function nothingDone(oldest = 1): Pick<CursorState, 'high' | 'open'> {
  return { high: oldest - 1, open: new OpenPlaces() }
}

function firstOf(
  store: StoreReader,
  { number, end }: { readonly number: number; readonly end: number },
): number {
  for (const { first } of store.scan(number, 0)) return first
  return end
}

/** The logs, by their numbers. */
export function logsIn(store: StoreReader): Map<number, LogRecord> {
  const logs = new Map<number, LogRecord>()
  for (const [key, value] of store.records('meta', LOG_COPY))
    logs.set(Number(key.slice(LOG_COPY.length)), decodePayload(value) as LogRecord)
  for (const [key, value] of store.records('logs')) logs.set(Number(key), decodePayload(value) as LogRecord)
  return logs
}

/** The extent of a log whose own record is missing, or may be older than the rest. */
export function extentOf(
  store: StoreReader,
  number: number,
  record: LogRecord | undefined,
): { end: number; bytes: number } {
  let [end, bytes] = [record?.end ?? 1, 0]
  for (const chunk of store.scan(number, 0)) {
    end = Math.max(end, chunk.first + chunk.count)
    bytes += chunk.bytes.length
  }
  const copies = copiesIn(store.records('copies', `${number}/`), `${number}/`)
  for (const value of [
    ...[...store.records('books', `${number}/`)].map(([, cursor]) => cursor),
    ...copies.cursors.values(),
  ]) {
    const { high, liveFrom, droppedThrough, waiting } = decodeCursor(value)
    // Pending messages come after all three.
    end = Math.max(end, Math.max(high + 1, liveFrom, droppedThrough + 1) + waiting)
  }
  return { end, bytes }
}

/** The subscription's name; without one, its pattern. */
function labelOf(key: string, pattern?: string): string {
  if (key.startsWith('n/')) return key.slice(2)
  return pattern === undefined
    ? 'a subscription without a name'
    : `a subscription to ${pattern} without a name`
}

function messagesOf(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}
