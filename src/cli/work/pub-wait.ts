import type { Bus } from '../../bus/contract/bus.js'
import { longTimeout } from '../../bus/long-timeout.js'
import { TimeoutError } from '../../errors.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'

const LOOK_EVERY_MS = 2_000

/**
 * During a publish: names each full subscription that holds back publishers, once. `errors$` names one without a
 * consumer already.
 *
 * @returns a function that ends it
 */
export function nameWhoIsFull(cli: Cli, bus: Bus): () => void {
  const named = new Set<string>()
  const look = async (): Promise<void> => {
    for (const { id, name, pattern, held, pending, consumers } of (await bus.status()).subscriptions) {
      if (held === 0 || consumers === 0 || named.has(id)) continue
      named.add(id)
      cli.talk(
        `waits: the subscription ${name === undefined ? pattern : JSON.stringify(name)} is full (${pending} waiting), and its ${consumers === 1 ? 'consumer is' : `${consumers} consumers are`} slow`,
      )
    }
  }
  // The waiting publish reports errors.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS)
  return () => clearInterval(timer)
}

/** Ends with the exit code of a timeout if the work takes longer. The process ends then, and the work with it. */
export async function within(cli: Cli, timeout: number | undefined, work: Promise<number>): Promise<number> {
  if (timeout === undefined) return work
  let stop: () => void = () => undefined
  const late = new Promise<number>(resolve => {
    stop = longTimeout(() => {
      const late = new TimeoutError(`the van did not take everything over within ${timeout / 1000} s`)
      resolve(cli.fail(late, Exit.Timeout))
    }, timeout)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    stop()
  }
}
