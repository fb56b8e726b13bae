import { Coverage, dueOf } from './features.js'
import { runSeed, type SeedResult } from './run-seed.js'

export interface SeedsResult {
  readonly ran: number
  readonly failed: number
  readonly counts: ReadonlyMap<string, number>
  readonly coverage: Coverage
}

/** Seed after seed, until one fails, or all the same. */
export async function runSeeds(
  from: number,
  count: number,
  options: { keepGoing: boolean; failed: (result: SeedResult) => void },
): Promise<SeedsResult> {
  const counts = new Map<string, number>()
  const coverage = new Coverage()
  let ran = 0
  let failed = 0
  for (let seed = from; seed < from + count; seed += 1) {
    const result = await runSeed(seed)
    ran += 1
    coverage.add(result.counts, dueOf(seed))
    for (const [what, times] of result.counts) counts.set(what, (counts.get(what) ?? 0) + times)
    if (result.violations.length === 0) continue
    failed += 1
    options.failed(result)
    if (!options.keepGoing) break
  }
  return { ran, failed, counts, coverage }
}

export function summary(seeds: number, counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `${times} ${what}`)
  return `${seeds} seeds: ${parts.join(', ')}`
}
