import { expect } from 'chai'
import type { HostServer } from '../../../src/host/listen/server.js'
import { CALLS, traitsOf } from '../../../src/wire/calls.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/messages.js'

describe('the table of calls', () => {
  let server: HostServer
  let client: ReturnType<typeof clientOf>

  before(async () => {
    server = await startServer()
    client = clientOf(server.port)
    await client.bus.ready()
  })

  after(async () => {
    await client.bus.close({ drain: false })
    await server.close()
  })

  const outcome = (name: string) =>
    client.broker.call(name, { subscription: 'no number' }).then(() => '', String)

  it('lists only names that a host knows: each is answered, or refused for another reason', async () => {
    // A server without a process has no control.
    for (const name of Object.keys(CALLS).filter(each => !/^host\.|^backbone\.unregister$/.test(each)))
      expect(await outcome(name), name).not.to.contain('has no call')
  })

  it('gives an unknown name no traits, and the host refuses it', async () => {
    for (const name of ['no.such', 'toString', '__proto__', 'backbone.unregister']) {
      expect(await outcome(name), name).to.contain('has no call')
      if (name !== 'backbone.unregister') expect(traitsOf(name)).to.deep.equal({})
    }
    expect(await rejection(client.broker.call('no.such'))).to.include({ code: 'MSGVAN_UNSUPPORTED' })
  })
})
