import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect } from 'chai'
import { dialSocket } from '../../../src/client/connection/dial-socket.js'
import { clientOf, startServer } from '../../support/host-server.js'

/** A text in a frame of WebSocket. */
function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
}

/** Answers one connection as a host does, as far as the client's hello, then resets it, and listens no longer. */
async function resettingServer(): Promise<{ readonly port: number; readonly hasReset: Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const hasReset = new Promise<void>(resolve => {
    server.on('upgrade', ({ headers }, socket: Socket) => {
      const accept = createHash('sha1')
        .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64')
      // In one turn: the client reads these bytes of a connection that its system has already given up.
      socket.write(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
          ),
          textFrame(
            '0{"sid":"a","upgrades":[],"pingInterval":10000,"pingTimeout":10000,"maxPayload":100000}',
          ),
          textFrame('40{"sid":"b"}'),
        ]),
      )
      socket.resetAndDestroy()
      server.close(() => resolve())
    })
  })
  return { port, hasReset }
}

describe('a connection that is cut before the hello', () => {
  it('is lost for the client, which connects again: no program is between, and no publish fails', async () => {
    const { port, hasReset } = await resettingServer()
    const { bus } = clientOf(port, { dial: dialSocket() })
    const codes: string[] = []
    bus.errors$.subscribe(({ code }) => codes.push(code))
    const published = bus.publish('t', 1)
    await hasReset
    const server = await startServer({ port })
    try {
      await published
      expect(codes).to.not.include('MSGVAN_AUTH')
    } finally {
      await bus.close()
      await server.close()
    }
  })
})
