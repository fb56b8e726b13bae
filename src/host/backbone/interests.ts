import { keyOf } from '../../broker/routing/relay.js'
import type { Interest } from '../../wire/frames/host-frames.js'

type Pattern = RegExp | string

interface Wanted<H> {
  readonly pattern: Pattern
  /** How often each wants it. */
  readonly holders: Map<H, number>
}

interface Listener {
  readonly known: Set<string>
  readonly send: (change: Interest) => void
}

/**
 * The patterns that each holder wants, and the patterns that each other host knows of: those of everybody except
 * itself. Each pattern is sent once, however many want it.
 */
export class Interests<H> {
  readonly #wanted = new Map<string, Wanted<H>>()
  readonly #listeners = new Map<H, Listener>()

  /**
   * From now on that host gets changes.
   *
   * @returns all that it should know now
   */
  listen(listener: H, send: (change: Interest) => void): Pattern[] {
    const known = new Set<string>()
    this.#listeners.set(listener, { known, send })
    const all: Pattern[] = []
    for (const [key, wanted] of this.#wanted) {
      if (!isFor(listener, wanted)) continue
      known.add(key)
      all.push(wanted.pattern)
    }
    return all
  }

  /** It is gone, with all its patterns. */
  leave(holder: H): void {
    this.#listeners.delete(holder)
    const touched: string[] = []
    for (const [key, { holders }] of this.#wanted) if (holders.delete(holder)) touched.push(key)
    this.#send(touched)
  }

  /** The holder adds these patterns, each as often as given, and removes those once. */
  change(holder: H, add: readonly Pattern[], remove: readonly Pattern[] = []): void {
    const touched: string[] = []
    for (const pattern of add) {
      const key = keyOf(pattern)
      let wanted = this.#wanted.get(key)
      if (wanted === undefined) this.#wanted.set(key, (wanted = { pattern, holders: new Map() }))
      const times = wanted.holders.get(holder) ?? 0
      wanted.holders.set(holder, times + 1)
      if (times === 0) touched.push(key)
    }
    for (const pattern of remove) {
      const key = keyOf(pattern)
      const holders = this.#wanted.get(key)?.holders
      const times = holders?.get(holder)
      if (holders === undefined || times === undefined) continue
      if (times > 1) holders.set(holder, times - 1)
      else {
        holders.delete(holder)
        touched.push(key)
      }
    }
    this.#send(touched)
  }

  #send(touched: readonly string[]): void {
    if (touched.length === 0) return
    for (const [listener, { known, send }] of this.#listeners) {
      const add: Pattern[] = []
      const remove: Pattern[] = []
      for (const key of touched) {
        const wanted = this.#wanted.get(key)
        if (wanted === undefined) continue
        const should = isFor(listener, wanted)
        if (should === known.has(key)) continue
        if (should) {
          known.add(key)
          add.push(wanted.pattern)
        } else {
          known.delete(key)
          remove.push(wanted.pattern)
        }
      }
      if (add.length > 0 || remove.length > 0) send({ anew: false, add, remove })
    }
    for (const key of touched) if (this.#wanted.get(key)?.holders.size === 0) this.#wanted.delete(key)
  }
}

function isFor<H>(listener: H, { holders }: Wanted<H>): boolean {
  return holders.size > (holders.has(listener) ? 1 : 0)
}
