import { openSync, writeSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { now } from '../support/clock.js'

/** Who tells an actor begins so. */
export const TELLER = 'teller-'

/** A fault for as long as it lasts: nothing goes on before it is over. */
export const OTHER_PROTOCOL = 'other protocol'

/** A message, by who published it and its number there. */
export interface Key {
  readonly by: string
  readonly n: number
}

/** Each publisher has so many keys, in turn. */
export const KEYS = 8

/** What somebody saw, in the order in which that one saw it. `at` is in microseconds, by a clock that all share. */
export type Seen =
  /** This process is a client of that host. */
  | { readonly what: 'placed'; readonly host: string }
  | ({ readonly what: 'called' | 'taken' } & Key)
  | ({ readonly what: 'refused'; readonly code: string } & Key)
  /** `ready()` has resolved: what is called from now on is owed to it. `replays`: what was called before, too. */
  | { readonly what: 'subscribed'; readonly sub: string; readonly rules: SubscriptionRules }
  | ({
      readonly what: 'begun'
      readonly sub: string
      readonly attempt: number
      readonly redelivered: boolean
    } & Key)
  | ({ readonly what: 'done' | 'failed' | 'rejected' | 'letter'; readonly sub: string } & Key)
  /** A bus says that these may have missed something. */
  | { readonly what: 'gap'; readonly subs: readonly string[] }
  | { readonly what: 'trouble'; readonly code: string; readonly text: string }
  | { readonly what: 'killed'; readonly who: string }
  | { readonly what: 'fault'; readonly kind: string; readonly whom: string }
  /** The books when everything has come to rest. */
  | { readonly what: 'rest'; readonly sub: string; readonly pending: number; readonly inFlight: number }

export interface SubscriptionRules {
  /** Only this publisher's; undefined: all that is published. */
  readonly of?: string
  /** One consumer at a time: first deliveries come in order. */
  readonly isAlone: boolean
  /** The host that keeps it. */
  readonly keptBy: string
  /** Its consumer is a process of a host, and dies with it: what it held has failed. */
  readonly diesWithHost?: boolean
  readonly isOrdered?: boolean
  /** Ordered by key: each publisher has so many, in turn. */
  readonly keys?: number
  readonly replays?: boolean
}

export type Event = Seen & { readonly at: number; readonly who: string }

/** One process's own history, in a file that outlives it: a line is with the kernel before anything else happens. */
export class History {
  readonly #file: number

  constructor(
    folder: string,
    readonly who: string,
  ) {
    this.#file = openSync(join(folder, `${who}.history`), 'a')
  }

  write(seen: Seen): void {
    writeSync(this.#file, `${JSON.stringify({ at: now(), who: this.who, ...seen })}\n`)
  }
}

/** All that all of them saw, by time. */
export async function readHistory(folder: string): Promise<Event[]> {
  return (await new HistoryReader(folder).more()).sort((a, b) => a.at - b.at)
}

/** Reads what is new in the histories: they grow to hundreds of megabytes. */
export class HistoryReader {
  /** By file: how far it is read. */
  readonly #read = new Map<string, number>()

  constructor(readonly folder: string) {}

  /** What was written since the last time, file by file. */
  async more(): Promise<Event[]> {
    const files = (await readdir(this.folder)).filter(name => name.endsWith('.history'))
    const events = await Promise.all(files.map(name => this.#moreOf(name)))
    return events.flat()
  }

  async #moreOf(name: string): Promise<Event[]> {
    const from = this.#read.get(name) ?? 0
    const file = await open(join(this.folder, name))
    try {
      const { size } = await file.stat()
      const bytes = Buffer.alloc(size - from)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
      // A line that is being written is read the next time.
      const end = bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1
      this.#read.set(name, from + end)
      const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
      return lines.map(line => JSON.parse(line) as Event)
    } finally {
      await file.close()
    }
  }
}
