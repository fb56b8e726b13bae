import { Proxy } from '../spec/support/proxy.js'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { wrongs } from './support/checks.js'
import { done, ready } from './support/stage.js'

const DELAY = 200

export const linkSlow: Scenario = {
  name: 'link-slow',
  title: `every byte takes ${DELAY} ms, in both directions`,
  async run(stage, scale) {
    const count = scale === 'long' ? 5_000 : 500
    await stage.host()
    const proxy = await Proxy.to(stage.sandbox.port, { delay: DELAY })
    try {
      const bytes = 200
      const { port } = proxy
      await ready(stage.subscriber({ port, subscribers: { all: '^faults\\.' }, mode: 'handle', bytes }))
      await done([stage.publisher({ port, publishers: ['p1', 'p2'], count, batch: 100, bytes })])
      const status = await stage.quiet()
      const evidence = await stage.evidence()
      const { account, problems } = balance(evidence, status)
      const slowest = Math.max(
        ...evidence.handled.map(each => (each.at - (evidence.calledAt(each) ?? each.at)) / 1_000),
      )
      return {
        ...account,
        recovery: undefined,
        notes: `${slowest.toFixed(0)} ms from publish to handling at most`,
        problems: [...problems, ...wrongs(evidence, { repeats: 'none' })],
      }
    } finally {
      await proxy.close()
    }
  },
}
