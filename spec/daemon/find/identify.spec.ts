import { createServer, type AddressInfo, type Server } from 'node:net'
import { expect } from 'chai'
import { identify } from '../../../src/daemon/find/identify.js'
import { startServer } from '../../support/host-server.js'
import { freePort } from '../../support/ports.js'

describe('a program on a port', () => {
  let server: Server | undefined
  afterEach(
    () => new Promise<void>(resolve => (server === undefined ? resolve() : server.close(() => resolve()))),
  )

  /** Says this to everybody and hangs up. */
  const saying = async (text: string): Promise<number> => {
    const made = (server = createServer(socket => {
      socket.on('error', () => undefined)
      socket.on('data', () => socket.write(text, () => socket.destroy()))
    }))
    await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve))
    return (made.address() as AddressInfo).port
  }

  it('is maybe a host if it refuses as one', async () => {
    const host = await startServer()
    expect(await identify(host.port)).to.equal('maybe a host')
    await host.close()
  })

  it('is a stranger if it answers something else', async () => {
    expect(await identify(await saying('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))).to.equal(
      'a stranger',
    )
    server?.close()
    expect(await identify(await saying('220 mail.example.org\r\n'))).to.equal('a stranger')
  })

  it('is ending if it cuts the connection off, before its answer or in the middle of it, as a killed host does', async () => {
    const part = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{"code":'
    expect(await identify(await saying(part))).to.equal('ending')
    server?.close()
    expect(await identify(await saying(''))).to.equal('ending')
  })

  it('is nothing if no process listens', async () => {
    expect(await identify(await freePort())).to.equal('nothing')
  })
})
