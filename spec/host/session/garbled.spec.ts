import { expect } from 'chai'
import { dialSocket, type Dial } from '../../../src/client/connection/dial-socket.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads } from '../../support/messages.js'

describe('a connection on which one frame is garbled', () => {
  it('is closed with an error that names the reason, resumed, and loses nothing', async () => {
    const server = await startServer()
    let garble = (): void => undefined
    const dial: Dial = (url, listener, timeoutMs) => {
      garble = () => listener.event('frame', new Uint8Array([99]))
      return dialSocket()(url, listener, timeoutMs)
    }
    const { bus } = clientOf(server.port, { dial })
    try {
      const told = collect(bus.errors$)
      const seen = collect(bus.topic('t'))
      await bus.ready()
      garble()
      const [error] = await told.first(1)
      expect(error).to.include({ code: 'MSGVAN_PROTOCOL' })
      await bus.publish('t', 'after')
      expect(payloads(await seen.first(1))).to.deep.equal(['after'])
      expect(told.values).to.have.lengthOf(1)
    } finally {
      await bus.close()
      await server.close()
    }
  })
})
