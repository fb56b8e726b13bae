import { cpus, release, type } from 'node:os'
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

/** Rates, and how many times each of the others the first one makes. */
export function printRates(results: readonly Result[]): void {
  const [first] = results
  printTable([
    ['', 'messages/s', 'lowest', 'highest', `${first?.name ?? ''} makes`],
    ...results.map(({ name, median, low, high }, at) => [
      name,
      rate(median),
      rate(low),
      rate(high),
      at === 0 || first === undefined ? '' : times(first.median / median),
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
  console.log(`\n${question}`)
  console.log(
    `${new Date().toISOString().slice(0, 10)}, node ${process.version}, ${type()} ${release()}, ${cores.length} × ${cores[0]?.model ?? 'unknown'}\n`,
  )
}
