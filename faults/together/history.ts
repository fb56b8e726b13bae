import { openSync, writeSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { now } from '../support/clock.js'

/** Who tells an actor begins so. */
export const TELLER = 'teller-'

/** A message, by who published it and its number there. */
export interface Key {
  readonly by: string
  readonly n: number
}

/** What somebody saw, in the order in which that one saw it. `at` is in microseconds, by a clock that all share. */
export type Seen =
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
  readonly isOrdered?: boolean
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

/** All that all of them saw, by time. @param since leaves out what was before, without reading it closely */
export async function readHistory(folder: string, since = 0): Promise<Event[]> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.history'))
  const texts = await Promise.all(files.map(name => readFile(join(folder, name), 'utf8')))
  const lines = texts.flatMap(text => text.split('\n').slice(0, -1))
  return lines
    .filter(line => since === 0 || timeOf(line) >= since)
    .map(line => JSON.parse(line) as Event)
    .sort((a, b) => a.at - b.at)
}

function timeOf(line: string): number {
  return Number(/^\{"at":(\d+)/.exec(line)?.[1])
}
