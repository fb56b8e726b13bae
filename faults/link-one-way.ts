import { Proxy } from '../spec/support/proxy.js'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready, until } from './support/stage.js'

/** Seconds: a silent peer is given up after two of them. */
const HEARTBEAT = 1

export const linkOneWay: Scenario = {
  name: 'link-one-way',
  title: 'connections swallow what one side sends, now the host, now the clients',
  async run(stage, scale) {
    const rounds = scale === 'long' ? 10 : 2
    const holes: number[] = []
    await stage.host({ MSGVAN_HEARTBEAT: String(HEARTBEAT) })
    const proxy = await Proxy.to(stage.sandbox.port)
    try {
      const bytes = 200
      const { port } = proxy
      await ready(stage.subscriber({ port, subscribers: { all: '^faults\\.' }, mode: 'auto', bytes }))
      const publisher = stage.publisher({
        port,
        publishers: ['p1', 'p2'],
        batch: 10,
        bytes,
        pause: 10,
      })
      await until('the publishers to begin', async () => proxy.connections >= 3 || undefined)
      for (let round = 0; round < rounds; round += 1) {
        holes.push(now())
        proxy.silence(round % 2 === 0 ? 'hosts' : 'clients')
        await until('both sides to give up', async () => proxy.silenced === 0 || undefined)
        await until('the clients to come back', async () => proxy.open >= 3 || undefined)
      }
      publisher.end()
      await done([publisher])
      const status = await stage.quiet()
      const evidence = await stage.evidence()
      const { account, problems } = balance(evidence, status)
      return {
        ...account,
        recovery: worstRecovery(holes, evidence),
        notes: `${holes.length} black holes, heartbeat ${HEARTBEAT} s`,
        problems: [...problems, ...wrongs(evidence, { repeats: 'none' })],
      }
    } finally {
      await proxy.close()
    }
  },
}
