import { OTHER_PROTOCOL, TELLER, type Event, type Key, type SubscriptionRules } from './history.js'
import { Kills, type Begun } from './kills.js'

/** What became of everything, by the histories alone. */
export interface Verdict {
  readonly accepted: number
  readonly done: number
  readonly letters: number
  readonly repeats: number
  /** From each fault until something was done that was called after it, in milliseconds, the shortest first. */
  readonly recoveries: readonly number[]
  /** What is wrong, the kinds apart. */
  readonly problems: readonly string[]
}

const keyOf = ({ by, n }: Key): string => `${by}/${n}`

/**
 * Knows nothing of msgvan but its promises: a publish ends; what was accepted is done, or a dead letter, at every subscription that was
 * in force; first deliveries come in the order of publishing; a repeat is flagged; only what failed counts as failed; nothing is owed in
 * the end.
 */
export function checkHistory(events: readonly Event[]): Verdict {
  const problems = new Problems()
  const calls = new Map<string, number>()
  const ended = new Set<string>()
  const accepted = new Map<string, Key>()
  const killed = new Set<string>()
  const kills = new Kills()
  const subs = new Map<string, Sub>()
  const sub = (name: string): Sub => {
    const found = subs.get(name) ?? new Sub(name)
    subs.set(name, found)
    return found
  }
  for (const event of events) {
    switch (event.what) {
      case 'placed':
        kills.placed(event.who, event.host)
        break
      case 'called':
        calls.set(keyOf(event), event.at)
        break
      case 'taken':
        kills.taken(event.who, calls.get(keyOf(event)) ?? 0)
        accepted.set(keyOf(event), { by: event.by, n: event.n })
        ended.add(keyOf(event))
        break
      case 'refused':
        ended.add(keyOf(event))
        break
      case 'subscribed':
        sub(event.sub).subscribed(event.at, event.rules)
        break
      case 'begun':
        sub(event.sub).begun(event, calls.get(keyOf(event)) ?? 0, kills, problems)
        break
      case 'done':
      case 'failed':
      case 'rejected':
      case 'letter':
        sub(event.sub).settled(event)
        break
      case 'gap':
        for (const name of event.subs) sub(name).mayHaveMissed = true
        break
      case 'killed':
        killed.add(event.who)
        break
      case 'rest':
        if (event.pending + event.inFlight > 0)
          problems.add(
            'books not at rest',
            `${event.sub}: ${event.pending} pending, ${event.inFlight} in flight`,
          )
        break
      case 'fault':
        if (event.kind === 'kill') kills.killed(event.whom, event.at)
        break
      case 'trouble':
    }
  }
  for (const event of events) {
    if (event.what === 'called' && !ended.has(keyOf(event)) && !killed.has(event.who))
      problems.add('a publish that never ended', keyOf(event))
  }
  for (const each of subs.values()) each.check(accepted, calls, problems)
  return {
    accepted: accepted.size,
    done: sum(subs, each => each.done.size),
    letters: sum(subs, each => each.letters.size),
    repeats: sum(subs, each => each.repeats),
    recoveries: recoveries(events, calls),
    problems: problems.list(),
  }
}

class Sub {
  since = Infinity
  rules: SubscriptionRules = { isAlone: false, keptBy: '' }
  mayHaveMissed = false
  repeats = 0
  readonly done = new Set<string>()
  readonly letters = new Set<string>()
  /** Given up: a replay of the dead letter is a delivery of its own. */
  readonly #rejected = new Set<string>()
  /** When each was begun last. */
  readonly #seen = new Map<string, Begun>()
  /** Begun once without the flag. */
  readonly #unflagged = new Set<string>()
  /** By consumer: when the newest was published that it has begun. */
  readonly #newest = new Map<string, number>()
  readonly #failures = new Map<string, number>()
  /** By publisher: the last that was begun for the first time. */
  readonly #last = new Map<string, number>()
  /** With `ordered`: begun, and neither done nor given up, by publisher, or by key. */
  readonly #open = new Map<string, number>()

  constructor(readonly name: string) {}

  subscribed(at: number, rules: SubscriptionRules): void {
    this.since = Math.min(this.since, at)
    this.rules = rules
  }

  begun(event: Event & { what: 'begun' }, called: number, kills: Kills, problems: Problems): void {
    const { by, n, who, at, attempt, redelivered } = event
    const key = keyOf(event)
    const before = this.#seen.get(key)
    const isFlagged = redelivered || attempt > 1 || this.#rejected.has(key)
    const newestBefore = this.#newest.get(who) ?? 0
    const newest = Math.max(newestBefore, called)
    this.#newest.set(who, newest)
    this.#seen.set(key, { at, newest })
    if (
      this.rules.isAlone &&
      this.rules.diesWithHost !== true &&
      attempt > 1 + (this.#failures.get(key) ?? 0)
    )
      problems.add('counts a failure that was none', `${key} at ${this.name}, attempt ${attempt}, ${at}`)
    const hadItFirst = !this.#unflagged.has(key) && before !== undefined && newestBefore < before.at
    if (!isFlagged) this.#unflagged.add(key)
    if (before !== undefined) {
      this.repeats++
      // It was handed out first, without the flag, and begins last: its consumer had it in hand when another one began it, flagged.
      if (!isFlagged && !hadItFirst && !kills.mayHaveForgotten(before, this.rules.keptBy))
        problems.add('a repeat without its flag', `${key} at ${this.name}, ${at}`)
      return
    }
    // It died with its consumer before that wrote it down: others pass it while it waits.
    if (attempt > 1 && this.rules.diesWithHost === true) return
    const last = this.#last.get(by) ?? 0
    if (this.rules.isAlone && n < last)
      problems.add('out of order', `${key} came behind ${last} at ${this.name}`)
    this.#last.set(by, Math.max(last, n))
    if (this.rules.isOrdered !== true) return
    const line = this.#lineOf(event)
    const open = this.#open.get(line)
    if (open !== undefined) problems.add('passed by in an ordered subscription', `${by}/${open} by ${n}`)
    this.#open.set(line, n)
  }

  settled(event: Event & { what: 'done' | 'failed' | 'rejected' | 'letter' }): void {
    const key = keyOf(event)
    if (event.what === 'failed') {
      this.#failures.set(key, (this.#failures.get(key) ?? 0) + 1)
      return
    }
    if (event.what === 'done') this.done.add(key)
    else if (event.what === 'letter') this.letters.add(key)
    else this.#rejected.add(key)
    if (this.#open.get(this.#lineOf(event)) === event.n) this.#open.delete(this.#lineOf(event))
  }

  #lineOf({ by, n }: Key): string {
    return this.rules.keys === undefined ? by : `${by}/${n % this.rules.keys}`
  }

  check(accepted: ReadonlyMap<string, Key>, calls: ReadonlyMap<string, number>, problems: Problems): void {
    for (const [key, { by }] of accepted) {
      if (!matches(this.rules, by)) continue
      const isOwed = this.rules.replays === true || (calls.get(key) ?? 0) > this.since
      if (isOwed && !this.done.has(key) && !this.letters.has(key) && !this.mayHaveMissed)
        problems.add('lost', `${key} at ${this.name}`)
    }
  }
}

/** Tells are for their actor alone. */
function matches({ of }: SubscriptionRules, by: string): boolean {
  return of === undefined ? !by.startsWith(TELLER) : of === by
}

/** The first few of each kind, and how many there were. */
class Problems {
  readonly #kinds = new Map<string, string[]>()

  add(kind: string, what: string): void {
    const found = this.#kinds.get(kind) ?? []
    found.push(what)
    this.#kinds.set(kind, found)
  }

  list(): string[] {
    return [...this.#kinds].map(
      ([kind, all]) => `${kind}: ${all.length}, such as ${all.slice(0, 3).join('; ')}`,
    )
  }
}

function sum(subs: ReadonlyMap<string, Sub>, of: (sub: Sub) => number): number {
  return [...subs.values()].reduce((total, each) => total + of(each), 0)
}

function recoveries(events: readonly Event[], calls: ReadonlyMap<string, number>): number[] {
  const faults = events
    .filter(event => event.what === 'fault' && event.kind !== OTHER_PROTOCOL)
    .map(({ at }) => at)
  const done = events.filter(event => event.what === 'done')
  const found: number[] = []
  let from = 0
  for (const fault of faults) {
    while (from < done.length && (done[from]?.at ?? 0) < fault) from++
    const next = done
      .slice(from)
      .find(event => event.what === 'done' && (calls.get(keyOf(event)) ?? 0) >= fault)
    if (next !== undefined) found.push((next.at - fault) / 1_000)
  }
  return found.sort((a, b) => a - b)
}
