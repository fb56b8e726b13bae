import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import { io, type Socket } from 'socket.io-client'
import { socketParser } from '../../../src/wire/socket-parser.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { eventually } from '../../support/eventually.js'
import { startServer } from '../../support/host-server.js'

describe('the origin of a web page', () => {
  let host: HostServer
  const sockets: { disconnect(): unknown }[] = []
  const warnings: string[] = []
  beforeEach(async () => {
    warnings.length = 0
    host = await startServer({ origins: ['https://good.example'], warn: text => warnings.push(text) })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.disconnect()
    await host.close()
  })

  const page = (origin: string): Socket => {
    const socket = io(`http://127.0.0.1:${host.port}`, {
      transports: ['websocket'],
      parser: socketParser,
      reconnection: false,
      forceNew: true,
      extraHeaders: { Origin: origin },
    })
    sockets.push(socket)
    return socket
  }

  it('unknown to the host gets the reason, and is logged once', async () => {
    for (let i = 0; i < 3; i++) {
      const socket = page('https://other.example')
      const refusal = await new Promise(resolve => socket.once('refused', resolve))
      expect(refusal).to.include({ code: 'MSGVAN_AUTH' })
      expect((refusal as { message: string }).message).to.contain('--origin https://other.example')
      await eventually(() => expect(socket.connected).to.equal(false))
    }
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.contain('https://other.example').and.contain('--origin')
    expect(host.clients).to.equal(0)
  })

  it('is let in if the host knows it, and gets the answers of any client', async () => {
    const socket = page('https://good.example')
    socket.on('connect', () => socket.emit('hello', { protocol: 0 }))
    expect(await new Promise(resolve => socket.once('refused', resolve))).to.not.include({
      code: 'MSGVAN_AUTH',
    })
    expect(warnings).to.deep.equal([])
  })

  it('does not matter before it was heard: a page that says nothing is cut off, and few at a time are let in', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = connect(host.port, '127.0.0.1')
        sockets.push({ disconnect: () => socket.destroy() })
        socket.on('error', () => undefined)
        socket.write(
          'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nOrigin: https://other.example\r\nConnection: Upgrade\r\n' +
            'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        )
        const closed = once(socket, 'close')
        const [first] = (await once(socket, 'data')) as [Buffer]
        socket.resume()
        return { isOpen: first.toString().startsWith('HTTP/1.1 101'), closed }
      }),
    )
    expect(answers.filter(({ isOpen }) => isOpen).length).to.be.within(1, 16)
    await Promise.all(answers.map(({ closed }) => closed))
    // There is room again.
    const socket = page('https://other.example')
    await new Promise(resolve => socket.once('refused', resolve))
  })
})
