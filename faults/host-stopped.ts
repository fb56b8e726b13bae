import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready } from './support/stage.js'

export const hostStopped: Scenario = {
  name: 'host-stopped',
  title: 'the host is stopped with SIGSTOP in the middle of traffic, and goes on later',
  async run(stage, scale) {
    const seconds = scale === 'long' ? 30 : 3
    // In the short version too the clients give it up, and come back.
    const host = await stage.host(scale === 'long' ? {} : { MSGVAN_HEARTBEAT: '0.5' })
    const bytes = 200
    await ready(stage.subscriber({ subscribers: { all: '^faults\\.' }, mode: 'auto', bytes }))
    const publisher = stage.publisher({
      publishers: ['p1', 'p2', 'p3'],
      batch: 10,
      bytes,
      pause: 5,
    })
    await sleep(1_000)
    host.child.kill('SIGSTOP')
    await sleep(seconds * 1_000)
    const goesOn = now()
    host.child.kill('SIGCONT')
    await sleep(1_000)
    publisher.end()
    await done([publisher])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const { account, problems } = balance(evidence, status)
    return {
      ...account,
      recovery: worstRecovery([goesOn], evidence),
      notes: `${seconds} s stopped`,
      problems: [...problems, ...wrongs(evidence, { repeats: 'none' })],
    }
  },
}
