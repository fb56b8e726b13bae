import { join } from 'node:path'
import { expect } from 'chai'
import { isDeadWithin } from '../../../src/daemon/gone.js'
import type { Bus } from '../../../src/index.js'
import { Convention } from '../../support/convention.js'
import { collect, payloads, register, untilStatus } from '../../support/messages.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'

describe('a paused name stays paused', () => {
  let sandbox: Sandbox
  const buses: Bus[] = []
  const open = (): Bus => {
    const bus = busOn(sandbox, 'default')
    buses.push(bus)
    return bus
  }
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await sandbox.msgvan(args).ended
    expect(code, stderr).to.equal(0)
  }
  const kill = async (): Promise<void> => {
    const pid = await sandbox.hostPid()
    process.kill(pid, 'SIGKILL')
    expect(await isDeadWithin(10_000, pid)).to.equal(true)
  }

  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(bus => bus.close({ drain: false })))
    await sandbox.clean()
  })

  /** Its messages wait, also for a consumer that comes later; `msgvan resume` lets them go. */
  async function isStillPaused(bus: Bus, messages: readonly number[]): Promise<void> {
    const seen = collect(open().topic('t', { name: 'w' }))
    await untilStatus(bus, 'w', { consumers: 1, pending: messages.length, inFlight: 0, paused: true })
    expect((await sandbox.msgvan(['status']).ended).stdout).to.contain('w is paused: `msgvan resume w`')
    await run('resume', 'w')
    expect(payloads(await seen.first(messages.length))).to.deep.equal(messages)
  }

  it('over a restart with its hand-over', async () => {
    await run('start')
    const bus = open()
    await register(bus, 'w', 't')
    await run('pause', 'w')
    await bus.publish('t', 1)
    await run('restart')
    await bus.publish('t', 2)
    await isStillPaused(bus, [1, 2])
  })

  it('over kill -9 of a host with a store, as soon as the promise resolves', async () => {
    await run('start', '--store', join(sandbox.home, 'store'))
    const bus = open()
    await register(bus, 'w', 't')
    await bus.publish('t', 1)
    expect(await bus.pause('w')).to.equal(true)
    await kill()
    await run('start')
    await bus.publish('t', 2)
    await isStillPaused(bus, [1, 2])
  })

  it('over kill -9 of a host in memory, which keeps names', async () => {
    await run('start')
    const bus = open()
    await register(bus, 'w', 't')
    await run('pause', 'w')
    await kill()
    await run('start')
    await bus.publish('t', 1)
    await isStillPaused(bus, [1])
  })

  it('at its leader: a follower whose leader is away waits for it, and a restart of the follower changes nothing', async () => {
    const convention = await Convention.start(1)
    try {
      const { leader } = convention
      const bus = convention.follower().bus()
      await register(bus, 'w', 't')
      await leader.kill()
      const pausing = bus.pause('w')
      await leader.start()
      expect(await pausing).to.equal(true)
      await convention.follower().restart()
      await bus.publish('t', 1)
      const seen = collect(bus.topic('t', { name: 'w' }))
      await untilStatus(leader.bus(), 'w', { consumers: 1, pending: 1, inFlight: 0, paused: true })
      expect(await leader.bus().resume('w')).to.equal(true)
      expect(payloads(await seen.first(1))).to.deep.equal([1])
    } finally {
      await convention.clean()
    }
  })
})
