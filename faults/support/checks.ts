import type { Evidence, Handled } from './evidence.js'

/** What a message is known by in all books. */
export function keyOf({ publisher, sequence }: { publisher: string; sequence: number }): string {
  return `${publisher} ${sequence}`
}

/** How often a message may be handled again: never; when told by `redelivered`; or (a host died) without a word. */
export type Repeats = 'none' | 'flagged' | 'any'

/** What is wrong with what was handled, whatever was injected. Few words: of each kind the first, and how many. */
export function wrongs(evidence: Evidence, { repeats }: { repeats: Repeats }): string[] {
  const { handled } = evidence
  return [
    ...kind('came with content that nobody published', handled.filter(isForeign(evidence))),
    ...kind('came out of order', outOfOrder(handled)),
    ...kind('came again without a word', repeated(handled, repeats)),
  ]
}

/** Handled again after it was handled. */
export function duplicates(handled: readonly Handled[]): number {
  return handled.length - new Set(handled.map(keyOf)).size
}

function isForeign(evidence: Evidence): (each: Handled) => boolean {
  return each => !each.intact || evidence.calledAt(each) === undefined
}

/** Per publisher (each has one topic); what failed or went back is passed by others. */
function outOfOrder(handled: readonly Handled[]): Handled[] {
  const last = new Map<string, number>()
  const seen = new Set<string>()
  return handled.filter(each => {
    const isFirst = !seen.has(keyOf(each))
    seen.add(keyOf(each))
    if (each.redelivered || !isFirst) return false
    const stream = `${each.subscriber} ${each.publisher}`
    const before = last.get(stream) ?? 0
    last.set(stream, Math.max(before, each.sequence))
    return each.sequence < before
  })
}

/** Told by the flag: of all times but one, in whatever order they were written down. Who lost its session hears of it late. */
function repeated(handled: readonly Handled[], repeats: Repeats): Handled[] {
  if (repeats === 'any') return []
  const seen = new Set<string>()
  return handled.filter(each => {
    if (repeats === 'flagged' && each.redelivered) return false
    const isRepeat = seen.has(keyOf(each))
    seen.add(keyOf(each))
    return isRepeat
  })
}

function kind(what: string, which: readonly Handled[]): string[] {
  const [first] = which
  if (first === undefined) return []
  const { subscriber } = first
  return [`${which.length} ${what}, the first: ${keyOf(first)} at ${subscriber}, attempt ${first.attempt}`]
}

/** Accepted and not handled, by message. */
export function unhandled(evidence: Evidence, except: ReadonlySet<string> = new Set()): string[] {
  const handled = new Set(evidence.handled.map(keyOf))
  const missing: string[] = []
  for (const [publisher, { taken }] of evidence.publishers) {
    for (const sequence of taken.keys()) {
      const key = keyOf({ publisher, sequence })
      if (!handled.has(key) && !except.has(key)) missing.push(key)
    }
  }
  return missing
}

/** From what on traffic counts as going on again. */
export interface Recovery {
  /** `'new'` (default): a message that was published after the fault was handled. `'any'`: whatever was. */
  readonly of?: 'new' | 'any'
  /** Of each publisher, and the last of them counts. Default false: of any. */
  readonly everybody?: boolean
}

/** The longest wait from a fault until traffic went on, in milliseconds; undefined when it never did. */
export function worstRecovery(
  faults: readonly number[],
  evidence: Evidence,
  { of = 'new', everybody = false }: Recovery = {},
): number | undefined {
  const publishers = everybody ? [...evidence.publishers.keys()] : [undefined]
  let worst: number | undefined
  for (const publisher of publishers) {
    const handled = evidence.handled.filter(each => publisher === undefined || each.publisher === publisher)
    for (const fault of faults) {
      const next = handled.find(
        each => each.at >= fault && (of === 'any' || (evidence.calledAt(each) ?? 0) >= fault),
      )
      if (next !== undefined) worst = Math.max(worst ?? 0, (next.at - fault) / 1_000)
    }
  }
  return worst
}
