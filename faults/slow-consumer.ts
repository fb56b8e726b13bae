import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { wrongs } from './support/checks.js'
import { done, peakMemory, ready } from './support/stage.js'

const MOST_MEMORY = 300
const WORK = 5

export const slowConsumer: Scenario = {
  name: 'slow-consumer',
  title: `a consumer takes ${WORK} ms for each message of 100 kB: host and client stay under ${MOST_MEMORY} MB`,
  async run(stage, scale) {
    const count = scale === 'long' ? 2_000 : 400
    const bytes = 100_000
    const host = await stage.host()
    const subscriber = stage.subscriber({
      subscribers: { slow: '^faults\\.' },
      mode: 'handle',
      bytes,
      work: WORK,
    })
    await ready(subscriber)
    await done([stage.publisher({ publishers: ['p'], count, batch: 20, bytes })])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const { account, problems } = balance(evidence, status)
    const memory = { host: await peakMemory(host), client: await peakMemory(subscriber) }
    const tooMuch = Object.entries(memory).filter(([, peak]) => peak >= MOST_MEMORY)
    return {
      ...account,
      recovery: undefined,
      notes: `at most ${memory.host.toFixed(0)} MB in the host, ${memory.client.toFixed(0)} MB in the client`,
      problems: [
        ...problems,
        ...wrongs(evidence, { repeats: 'none' }),
        ...tooMuch.map(([who, peak]) => `the ${who} had ${peak.toFixed(0)} MB in memory`),
      ],
    }
  },
}
