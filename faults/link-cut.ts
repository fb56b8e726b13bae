import { Proxy } from '../spec/support/proxy.js'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready, until } from './support/stage.js'

export const linkCut: Scenario = {
  name: 'link-cut',
  title: 'each connection is cut after a random number of bytes, wherever that is',
  async run(stage, scale) {
    const wanted = scale === 'long' ? 200 : 15
    const { sandbox, random } = stage
    const cuts: number[] = []
    await stage.host()
    const proxy = await Proxy.to(sandbox.port, {
      // From the middle of the handshake to some of the largest frames later: one of those has to pass now and then.
      cutAfter: () => Math.round(500 * 2_000 ** random.next()),
      onCut: () => cuts.push(now()),
    })
    try {
      const bytes = 200
      const { port } = proxy
      await ready(stage.subscriber({ port, subscribers: { all: '^faults\\.' }, mode: 'auto', bytes }))
      const publishers = ['p1', 'p2']
      const publishing = stage.publisher({ port, publishers, batch: 20, bytes, pause: 40 })
      await until(`${wanted} cuts`, async () => cuts.length >= wanted || undefined)
      publishing.end()
      await done([publishing])
      const status = await stage.quiet()
      const evidence = await stage.evidence()
      const { account, problems } = balance(evidence, status)
      return {
        ...account,
        recovery: worstRecovery(cuts, evidence),
        notes: `${cuts.length} cuts`,
        problems: [...problems, ...wrongs(evidence, { repeats: 'none' })],
      }
    } finally {
      await proxy.close()
    }
  },
}
