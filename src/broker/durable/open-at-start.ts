import type { Envelope } from '../../message/envelope.js'
import { Item } from '../subscription/backlog/item.js'
import { REPLAYED, type Cursor, type DurableLog } from './durable-log.js'

/**
 * Orders of messages that were open at the start come before those that are read, and both before those that arrive.
 */
const FIRST_ORDER = -(2 ** 52)

/** Messages that were handed out before the start and not settled, in order; then those owed beyond the log. */
export function openAtStart(cursor: Cursor, durableLog: DurableLog): Item[] {
  const items: Item[] = []
  const add = (envelope: Envelope, failures: number): void => {
    const item = new Item(envelope, FIRST_ORDER + items.length)
    if (failures !== REPLAYED) {
      item.deliveries = 1
      item.failures = failures
    }
    items.push(item)
  }
  const places = [...cursor.open].map(([place]) => place)
  const open = durableLog.readAll(places.sort((a, b) => a - b))
  for (const envelope of open) add(envelope, cursor.open.get(envelope.at) ?? 0)
  // A message that is missing from the log is not owed any more.
  if (open.length < cursor.open.size) {
    const there = new Set(open.map(({ at }) => at))
    for (const at of places) if (!there.has(at)) cursor.open.delete(at)
  }
  for (const envelope of cursor.owed()) add(envelope, 0)
  return items
}
