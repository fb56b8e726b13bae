import type { SubscriptionStatus } from '../../src/index.js'
import type { Account } from '../scenario.js'
import { duplicates, keyOf, unhandled } from './checks.js'
import type { Evidence } from './evidence.js'

/** Messages that became dead letters, by their keys. */
export type DeadLetterKeys = ReadonlySet<string>

/**
 * The account of a scenario in which one host lived all the time. The host's own books (its status) and what the parties
 * wrote down must tell the same story.
 */
export function balance(
  evidence: Evidence,
  status: SubscriptionStatus,
  dead: DeadLetterKeys = new Set(),
): { account: Account; problems: string[] } {
  const { acked, deadLettered, dropped } = status
  const waiting = status.pending + status.inFlight
  const handled = new Set(evidence.handled.map(keyOf))
  for (const key of dead) handled.add(key)
  const missing = unhandled(evidence, dead)
  // A publisher that was killed never learned of the last that it published: who handled it knows.
  const accepted = handled.size + missing.length
  const account: Account = {
    accepted,
    acked,
    deadLettered,
    waiting,
    dropped,
    lostWithHost: 0,
    lost: Math.max(missing.length - dropped, accepted - acked - deadLettered - waiting - dropped),
    duplicates: duplicates(evidence.handled),
  }
  const problems = [
    ...(missing.length > 0
      ? [`${missing.length} accepted and never handled, the first: ${missing[0] ?? ''}`]
      : []),
    ...holes(evidence),
    ...(accepted === acked + deadLettered + waiting + dropped
      ? []
      : [
          `the books differ: ${accepted} accepted, but ${acked} acked, ${deadLettered} dead-lettered, ${waiting} waiting, ${dropped} dropped`,
        ]),
    ...(evidence.refused > 0 ? [`${evidence.refused} publishes were refused`] : []),
  ]
  return { account, problems }
}

/** What a publisher managed to publish before it died is the beginning of what it asked for. */
function holes(evidence: Evidence): string[] {
  const handled = new Map<string, Set<number>>()
  for (const { publisher, sequence } of evidence.handled) {
    const sequences = handled.get(publisher) ?? new Set()
    sequences.add(sequence)
    handled.set(publisher, sequences)
  }
  // Not spread: on a slow machine there are more of them than a call may have arguments.
  const last = (sequences: Iterable<number>): number => [...sequences].reduce((a, b) => Math.max(a, b), 0)
  const broken = [...handled].filter(([, sequences]) => last(sequences) !== sequences.size)
  return broken.length === 0
    ? []
    : [`${broken.length} publishers have holes in what was handled, the first: ${broken[0]?.[0] ?? ''}`]
}
