import type { Outcome, Scenario } from './scenario.js'

export interface Played {
  readonly scenario: Scenario
  readonly outcome: Outcome | Error
}

const head = [
  'scenario',
  'accepted',
  'acked',
  'dead-lettered',
  'waiting',
  'dropped',
  'lost',
  'lost with host',
  'duplicates',
  'worst recovery',
  '',
]

/** One row each, as Markdown. */
export function printOutcomes(played: readonly Played[]): void {
  const rows = [
    head,
    head.map((_, at) => (at === 0 || at === head.length - 1 ? '---' : '--:')),
    ...played.map(row),
  ]
  const widths = head.map((_, at) => Math.max(...rows.map(cells => cells[at]?.length ?? 0)))
  console.log('')
  for (const cells of rows) {
    const padded = cells.map((cell, at) => {
      const width = widths[at] ?? 0
      return at === 0 || at === head.length - 1 ? cell.padEnd(width) : cell.padStart(width)
    })
    console.log(`| ${padded.join(' | ')} |`)
  }
}

function row({ scenario: { name }, outcome }: Played): string[] {
  if (outcome instanceof Error) return [name, ...head.slice(2).map(() => ''), 'did not come to its end']
  const { accepted, acked, deadLettered, waiting, dropped, lost, lostWithHost, duplicates } = outcome
  const numbers = [accepted, acked, deadLettered, waiting, dropped, lost, lostWithHost, duplicates]
  return [
    name,
    ...numbers.map(number => number.toLocaleString('en-US')),
    recoveryText(outcome.recovery),
    outcome.problems.length === 0 ? outcome.notes : `FAILED: ${outcome.notes}`,
  ]
}

function recoveryText(recovery: number | undefined): string {
  if (recovery === undefined) return ''
  return recovery < 1_000 ? `${recovery.toFixed(0)} ms` : `${(recovery / 1_000).toFixed(1)} s`
}
