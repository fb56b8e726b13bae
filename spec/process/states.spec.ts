import { join } from 'node:path'
import { expect } from 'chai'
import { ConventionHost } from '../support/convention.js'
import { collect } from '../support/messages.js'
import { Sandbox } from '../support/sandbox.js'

const add = (count: number | undefined): number => (count ?? 0) + 1

describe('states of a host', function () {
  this.timeout(120_000)
  let host: ConventionHost

  const started = async (args: (sandbox: Sandbox) => string[]): Promise<ConventionHost> => {
    const sandbox = await Sandbox.make()
    host = new ConventionHost(sandbox, args(sandbox))
    await host.start()
    return host
  }
  afterEach(() => host.clean())

  it('with a store survive kill -9: two buses that count lose nothing, and count nothing twice', async () => {
    await started(({ home }) => ['--store', join(home, 'store')])
    const buses = [host.bus(), host.bus()]
    const counted = Promise.all(
      buses.map(async bus => {
        for (let left = 300; left > 0; left -= 1) await bus.state<number>('count').update(add)
      }),
    )
    for (let kills = 2; kills > 0; kills -= 1) {
      await new Promise(resolve => setTimeout(resolve, 700))
      await host.kill()
      await host.start()
    }
    await counted
    expect(await host.bus().state('count').get()).to.equal(600)
  })

  it('are handed over by msgvan restart, and subscribers go on', async () => {
    await started(() => [])
    const state = host.bus().state<number>('n')
    await state.set(1)
    const seen = collect(host.bus().state('n').changes$)
    await seen.first(1)
    await host.restart()
    expect(await state.get()).to.equal(1)
    await state.update(add)
    expect(await seen.first(2)).to.deep.equal([1, 2])
    expect(seen.values).to.deep.equal([1, 2])
  })
})
