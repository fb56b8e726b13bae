import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import type { HostServer } from '../../../src/host/listen/server.js'
import { request } from '../../support/local-broker.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { eventually } from '../../support/eventually.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** All that this process uses, in kB. */
function used(): number {
  for (let times = 0; times < 3; times += 1) collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1_024
}

describe('a van', () => {
  let server: HostServer

  beforeEach(async () => {
    server = await startServer()
  })

  afterEach(() => server.close())

  it('takes little memory, with a subscription that waits for its consumers, too', async () => {
    const count = 500
    const open = async (prefix: string, each: (van: string) => unknown): Promise<number> => {
      await each(`${prefix} first`)
      const before = used()
      for (let n = 0; n < count; n += 1) await each(`${prefix} ${n}`)
      return (used() - before) / count
    }
    // Before, it was 375 kB.
    expect(await open('bare', van => void server.sessions.broker(van))).to.be.below(15)
    const subscribed = await open('subscribed', van =>
      server.replace(van, { ...request({ pattern: /^orders\./ }), name: 'w' }),
    )
    expect(subscribed).to.be.below(20)
  })

  it('is forgotten when it has no client, no subscription and no message', async () => {
    const home = clientOf(server.port, { van: 'home' })
    await home.bus.ready()
    for (let n = 0; n < 20; n += 1) {
      const { bus } = clientOf(server.port, { van: `v${n}` })
      bus.topic('t').subscribe()
      await bus.publish('t', 1)
      await bus.close()
    }
    await eventually(() => expect(server.vans).to.deep.equal(['home']))
    await home.bus.close()
  })
})
