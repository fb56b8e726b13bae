import { expect } from 'chai'
import type { Bus } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { Sandbox } from '../support/sandbox.js'
import { busOn } from '../support/sandbox-bus.js'
import { onlyOnLinux } from '../support/requirement.js'

const index = new URL('../../src/index.js', import.meta.url).href

describe('a bus in a worker thread', () => {
  let sandbox: Sandbox
  let bus: Bus
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    // So long that nothing here waits for it.
    await sandbox.msgvan(['start', '--session-ttl', '3600']).ended
    await sandbox.hostPid()
    bus = busOn(sandbox, 'default')
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await sandbox.clean()
  })

  it('is dead when its thread is terminated, like a killed process: its session does not wait', async function () {
    onlyOnLinux(this)
    const program = sandbox.script(`
      const { Worker } = await import('node:worker_threads')
      const inside = \`import { van } from ${JSON.stringify(index)}
        const bus = van()
        bus.topic('job', { name: 'work', ack: 'manual', delay: 0 }).subscribe(({ payload }) => console.log('took', payload))
        await bus.ready()
        console.log('in force')\`
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(inside)))
      const bus = msgvan.van()
      bus.topic('own', { name: 'own', ack: 'manual' }).subscribe()
      await bus.ready()
      console.log('ready')
      process.stdin.on('data', () => worker.terminate().then(() => console.log('terminated')))`)
    await Promise.all([program.shows(/in force/), program.shows(/ready/)])
    await bus.publish('job', 'one')
    await program.shows(/took one/)
    program.write('\n')
    await program.shows(/terminated/)
    const named = async (name: string) =>
      (await bus.status()).subscriptions.find(subscription => subscription.name === name)
    await eventually(async () =>
      expect(await named('work')).to.include({ consumers: 0, pending: 1, inFlight: 0, failed: 1 }),
    )
    expect(await named('own'), 'its process goes on').to.include({ consumers: 1 })
    const taken: number[] = []
    bus.topic('job', { name: 'work' }).subscribe(({ attempt }) => taken.push(attempt))
    await eventually(() => expect(taken).to.deep.equal([2]))
  })
})
