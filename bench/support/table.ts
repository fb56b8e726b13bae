import { cpus, release, type } from 'node:os'
import { quick } from './flags.js'
import type { Result } from './rounds.js'

/** The first column to the left, all others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  for (const row of rows) {
    const cells = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
    )
    console.log(`  ${cells.join('   ')}`)
  }
}

/**
 * Rates, and how many times each of the others the first one makes.
 *
 * @param atLeast what that is to be, by row
 */
export function printRates(results: readonly Result[], atLeast: readonly (number | undefined)[] = []): void {
  const [first] = results
  const hasTargets = atLeast.some(wanted => wanted !== undefined)
  printTable([
    ['', 'messages/s', 'lowest', 'highest', `${first?.name ?? ''} makes`, ...(hasTargets ? ['wanted'] : [])],
    ...results.map(({ name, median, low, high }, at) => [
      name,
      rate(median),
      rate(low),
      rate(high),
      at === 0 || first === undefined ? '' : times(first.median / median),
      ...(hasTargets ? [atLeast[at] === undefined ? '' : times(atLeast[at])] : []),
    ]),
  ])
}

export function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en-US')
}

export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)} ×`
}

export function printHead(question: string): void {
  const cores = cpus()
  console.log(`\n${question}${quick ? ' (a short run)' : ''}`)
  console.log(
    `${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${type()} ${release()}, ${cores.length} × ${cores[0]?.model ?? 'unknown'}\n`,
  )
}
