import { quick } from './flags.js'
import { summarize, type Summary } from './statistics.js'

export interface Contender {
  readonly name: string
  /** Measures once: messages a second, milliseconds, bytes. */
  round(): Promise<number>
}

export interface Result extends Summary {
  readonly name: string
}

/**
 * Every contender in turn, round after round, so that whatever else the machine does falls on all of them alike. The
 * first rounds warm up and do not count.
 */
export async function interleave(
  contenders: readonly Contender[],
  { warmUps = quick ? 1 : 2, rounds = quick ? 3 : 9 } = {},
): Promise<Result[]> {
  const samples = contenders.map((): number[] => [])
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const [at, contender] of contenders.entries()) {
      const sample = await contender.round()
      if (round >= 0) samples[at]?.push(sample)
    }
  }
  return contenders.map(({ name }, at) => ({ name, ...summarize(samples[at] ?? []) }))
}
