import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../../src/index.js'
import { clientOf, startServer } from '../support/host-server.js'
import { collect, payloads, publishAll, untilStatus } from '../support/messages.js'
import type { Started } from '../support/processes.js'
import { Proxy } from '../support/proxy.js'
import { Sandbox } from '../support/sandbox.js'
import { busOn } from '../support/sandbox-bus.js'

describe('ackTimeout of a consumer that cannot keep it', () => {
  let sandbox: Sandbox
  let bus: Bus
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    await sandbox.msgvan(['start']).ended
    await sandbox.hostPid()
    bus = busOn(sandbox, 'default')
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await sandbox.clean()
  })

  const settings = `{ name: 'jobs', ackTimeout: 1000, delay: 0, attempts: 3, prefetch: 2 }`

  async function worker(work: string): Promise<Started> {
    const started = sandbox.script(`
      const bus = msgvan.van()
      const got = ({ payload, attempt, redelivered }) => console.log('got', payload, attempt, redelivered)
      bus.topic(/^job/, ${settings}).${work}
      await bus.ready()
      console.log('in force')`)
    await started.shows(/in force/)
    return started
  }

  it('fails what a stopped process works on, and gives the rest back: late verdicts count for nothing, then it goes on', async () => {
    const stopped = await worker(`pipe(msgvan.handle(message => {
        // Before it is said: a signal that nobody listens to ends the process.
        const over = new Promise(resolve => process.once('SIGUSR2', resolve))
        got(message)
        return over
      })).subscribe(() => console.log('thinks that it is done'))`)
    await publishAll(bus, 'job', ['held', 'untouched'])
    await stopped.shows(/got held 1 false/)
    await untilStatus(bus, 'jobs', { inFlight: 2 })
    const other = await worker('subscribe(got)')
    stopped.child.kill('SIGSTOP')
    await other.shows(/got untouched 1 true/)
    await other.shows(/got held 2 true/)
    await untilStatus(bus, 'jobs', { acked: 2, failed: 1, inFlight: 0, pending: 0 })
    // Nothing goes to one that is silent.
    await publishAll(bus, 'job', ['a', 'b', 'c', 'd'])
    await other.shows(/got d 1 false/)
    await untilStatus(bus, 'jobs', { acked: 6, inFlight: 0 })
    stopped.child.kill('SIGCONT')
    await other.kill('SIGKILL')
    await bus.publish('job', 'after')
    // Its verdict on what is no longer its own ends its work, and settles nothing.
    stopped.child.kill('SIGUSR2')
    await stopped.shows(/got after 1 false/)
    stopped.child.kill('SIGUSR2')
    await untilStatus(bus, 'jobs', { acked: 7, failed: 1, inFlight: 0, pending: 0 })
    expect(stopped.stdout).to.not.contain('got untouched')
  })

  it('keeps a consumer that wakes from a block from messages that others have by then', async () => {
    const wait = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000)'
    const blocked = sandbox.script(`
      const bus = msgvan.van()
      const work = message => new Promise(resolve => {
        console.log('got', message.payload, message.redelivered)
        // It ends in the very turn in which the process wakes: nothing of the host has been read by then.
        process.once('SIGUSR2', () => { ${wait}; resolve() })
        console.log('listening')
      })
      bus.topic(/^job/, { name: 'jobs', ackTimeout: 1_000, delay: 0, attempts: 3, prefetch: 5 }).pipe(msgvan.handle(work)).subscribe()
      await bus.ready()
      console.log('in force')`)
    await blocked.shows(/in force/)
    await publishAll(bus, 'job', ['held', 'b', 'c', 'd', 'e'])
    await blocked.shows(/listening/)
    await untilStatus(bus, 'jobs', { inFlight: 5 })
    const other = await worker('subscribe(got)')
    blocked.child.kill('SIGUSR2')
    for (const name of ['b', 'c', 'd', 'e']) await other.shows(new RegExp(`got ${name} 1 true`))
    await untilStatus(bus, 'jobs', { acked: 5, failed: 1, inFlight: 0, pending: 0 })
    // It is there again, and takes part in the work.
    await other.kill('SIGKILL')
    // Until the host knows that the other one is gone it may hand it the next message.
    await untilStatus(bus, 'jobs', { consumers: 1 })
    await bus.publish('job', 'after')
    await blocked.shows(/got after false/)
    expect(blocked.stdout).to.match(/^in force\ngot held false\nlistening\ngot after false\n/)
    await blocked.kill('SIGKILL')
  })

  it('gives back the thousands that wait in a blocked handle, which goes on afterwards', async () => {
    const blocked = sandbox.script(`
      const bus = msgvan.van()
      const done = new Set()
      const wait = milliseconds => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
      const work = async ({ payload }) => {
        await new Promise(resolve => setImmediate(resolve))
        if (done.size === 10) wait(4_000)
        if (done.add(payload).size === 5_000) console.log('all done')
      }
      bus.topic('job', { name: 'jobs', ackTimeout: 1_000, delay: 0 }).pipe(msgvan.handle(work)).subscribe()
      await bus.ready()
      await Promise.all(Array.from({ length: 5_000 }, (_, i) => bus.publish('job', i)))`)
    await blocked.shows(/all done/)
    await untilStatus(bus, 'jobs', { acked: 5_000, failed: 1, inFlight: 0, pending: 0 })
    await blocked.kill('SIGKILL')
  })

  it('fails what blocks the event loop', async () => {
    const blocked = await worker(`subscribe(message => {
        got(message)
        if (message.attempt === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
      })`)
    await bus.publish('job', 'heavy')
    await blocked.shows(/got heavy 1 false/)
    const other = await worker('subscribe(got)')
    await other.shows(/got heavy 2 true/)
    await untilStatus(bus, 'jobs', { acked: 1, failed: 1, inFlight: 0 })
  })
})

describe('ackTimeout of a consumer that was cut off', () => {
  it('fails nothing that it has settled when it is back', async () => {
    const server = await startServer()
    const proxy = await Proxy.to(server.port)
    const { bus } = clientOf(proxy.port)
    try {
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', ackTimeout: 3_000, delay: 0 }))
      await bus.ready()
      await bus.publish('t', 'held')
      const [held] = await seen.first(1)
      proxy.cut()
      expect(held?.ack()).to.equal(true)
      // Longer than silence would be allowed to last.
      await delay(4_500)
      proxy.mend()
      await untilStatus(bus, 'w', { acked: 1, failed: 0, redelivered: 0, inFlight: 0 })
      expect(payloads(seen.values)).to.deep.equal(['held'])
    } finally {
      await bus.close({ drain: false })
      await proxy.close()
      await server.close()
    }
  })
})
