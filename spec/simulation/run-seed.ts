import { Books } from './books.js'
import { inEnvironment } from './environment.js'
import { dueOf } from './features.js'
import { Network } from './network.js'
import { Random } from './random.js'
import { Trace } from './trace.js'
import { VirtualClock } from './virtual-clock.js'
import { World } from './world.js'

export interface SeedResult {
  readonly seed: number
  /** Empty: all held. */
  readonly violations: readonly string[]
  /** What happened, if it was asked for. */
  readonly lines: readonly string[]
  /** How often what was injected, and seen. */
  readonly counts: ReadonlyMap<string, number>
}

/** One simulated world, from its beginning to its end. The same seed gives the same world. */
export async function runSeed(seed: number, { trace: isTraced = false } = {}): Promise<SeedResult> {
  const random = new Random(seed)
  const clock = new VirtualClock()
  const trace = new Trace(clock, isTraced)
  const books = new Books(clock, trace)
  const unhandled = (reason: unknown) => books.violated(`nobody handled ${String(reason)}`)
  process.on('unhandledRejection', unhandled)
  try {
    await inEnvironment(clock, random.fork(), () => {
      const network = new Network(clock, random.fork(), trace)
      return new World({ clock, random: random.fork(), network, books, trace }, dueOf(seed)).run()
    })
  } finally {
    process.off('unhandledRejection', unhandled)
  }
  return { seed, violations: books.violations, lines: trace.lines, counts: trace.counts }
}
