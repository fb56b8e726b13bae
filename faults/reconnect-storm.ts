import { setTimeout as sleep } from 'node:timers/promises'
import { Proxy } from '../spec/support/proxy.js'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready, until, type Stage } from './support/stage.js'

export const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  title: 'all clients are cut off at once, and come back at once',
  async run(stage, scale) {
    const [pairs, processes, storms] = scale === 'long' ? [250, 5, 6] : [20, 1, 2]
    // However slow the machine: sessions outlast every storm.
    await stage.host({ MSGVAN_SESSION_TTL: '3600' })
    const proxy = await Proxy.to(stage.sandbox.port)
    try {
      const { port } = proxy
      const bytes = 100
      const each = pairs / processes
      const numbers = Array.from({ length: pairs }, (_, at) => at + 1)
      const shares = Array.from({ length: processes }, (_, at) => numbers.slice(at * each, (at + 1) * each))
      const subscribers = shares.map(share =>
        stage.subscriber({
          port,
          // Each publisher has a subscriber of its own.
          subscribers: Object.fromEntries(share.map(number => [`s${number}`, `^faults\\.p${number}$`])),
          mode: 'auto',
          bytes,
        }),
      )
      await Promise.all(subscribers.map(ready))
      const publishers = shares.map(share =>
        stage.publisher({
          port,
          publishers: share.map(number => `p${number}`),
          batch: 2,
          bytes,
          pause: 200,
        }),
      )
      const cuts: number[] = []
      let before = new Map<string, number>()
      for (let storm = 0; storm < storms; storm += 1) {
        await until('everybody to be heard of', () => areHeard(stage, pairs, before))
        await sleep(1_000)
        before = await settled(stage)
        cuts.push(now())
        proxy.cut()
        await sleep(200)
        proxy.mend()
      }
      await until('everybody to be heard of', () => areHeard(stage, pairs, before))
      for (const publisher of publishers) publisher.end()
      await done(publishers)
      const status = await stage.quiet()
      const evidence = await stage.evidence()
      const { account, problems } = balance(evidence, status)
      return {
        ...account,
        recovery: worstRecovery(cuts, evidence, { everybody: true }),
        notes: `${2 * pairs} clients, ${cuts.length} storms, ${evidence.troubles.get('MSGVAN_GAP') ?? 0} told of a gap`,
        problems: [...problems, ...wrongs(evidence, { repeats: 'none' })],
      }
    } finally {
      await proxy.close()
    }
  },
}

/** What each subscription has settled, by its pattern. */
async function settled({ bus }: Stage): Promise<Map<string, number>> {
  const { subscriptions } = await bus.status()
  return new Map(subscriptions.map(({ pattern, acked }) => [pattern, acked]))
}

/** Something came to each subscriber since then. A connection alone says little: hands may still be shaken. */
async function areHeard(stage: Stage, pairs: number, before: Map<string, number>): Promise<true | undefined> {
  const heard = [...(await settled(stage))].filter(([pattern, acked]) => acked !== (before.get(pattern) ?? 0))
  return heard.length === pairs || undefined
}
