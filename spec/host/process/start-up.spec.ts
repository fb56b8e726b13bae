import { expect } from 'chai'
import { clientOf, startServer } from '../../support/host-server.js'

describe('a host that starts', () => {
  it('lets clients in when all is there that they may ask for', async () => {
    const server = await startServer({ awaitsServices: true })
    const open = await startServer()
    const clients = [clientOf(server.port), clientOf(open.port)] as const
    try {
      const [waiting, other] = clients
      let isIn = false
      const entered = waiting.bus.ready().then(() => {
        isIn = true
      })
      // As long as it takes elsewhere to be let in, and to come a second time.
      await other.bus.ready()
      const second = clientOf(open.port)
      await second.bus.ready()
      await second.bus.close()
      expect(isIn).to.equal(false)
      server.ready()
      await entered
    } finally {
      await Promise.all(clients.map(({ bus }) => bus.close()))
      await Promise.all([server.close(), open.close()])
    }
  })
})
