import { expect } from 'chai'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { TlsIdentity } from '../../../src/host/listen/tls-front.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'

const upgrade = (path: string): string =>
  `GET ${path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** How far a connection has come when it is reset. */
const openings = {
  nothing: '',
  'half a request': 'GET /socket.io/ HTTP/1.1\r\nHost',
  'a request': 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'no HTTP at all': 'hello\r\n\r\n',
  'half a TLS record': '\x16\x03\x01',
  'an upgrade': upgrade('/socket.io/'),
  'an upgrade of something else': upgrade('/other/'),
}

/** The host's ends of connections: they have no listener for errors of this spec. */
class HostEnds {
  readonly #ends: Socket[] = []
  readonly #onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    this.#ends.push(socket)
  }

  constructor() {
    subscribe('net.server.socket', this.#onSocket)
  }

  /** The host has read so much of what that connection said. */
  async read(raw: Socket, bytes: number): Promise<void> {
    await eventually(() => {
      const end = this.#ends.find(({ remotePort }) => remotePort === raw.localPort)
      expect(end?.bytesRead ?? -1).to.be.at.least(bytes)
    })
  }

  /** The host has noticed the end of each of them. */
  async gone(): Promise<void> {
    await eventually(() => expect(this.#ends.every(({ destroyed }) => destroyed)).to.equal(true))
  }

  release(): void {
    unsubscribe('net.server.socket', this.#onSocket)
  }
}

async function opened(port: number): Promise<Socket> {
  const raw = connect(port, '127.0.0.1')
  raw.on('error', () => undefined)
  await once(raw, 'connect')
  return raw
}

describe('a connection that is reset', () => {
  let ends: HostEnds
  let server: HostServer | undefined
  let identity: TlsIdentity

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    const { pem, key } = await certificateFor(folder, ['127.0.0.1'])
    identity = { cert: pem, key: await readFile(key, 'utf8') }
    await rm(folder, { recursive: true })
  })

  beforeEach(() => {
    ends = new HostEnds()
  })

  afterEach(async () => {
    await server?.close()
    ends.release()
  })

  for (const tls of [false, true]) {
    const how = tls ? 'a host with TLS' : 'a host'

    const started = async (): Promise<HostServer> => {
      server = await startServer({
        awaitsServices: true,
        ...(tls ? { listen: '0.0.0.0', tls: identity } : {}),
      })
      return server
    }

    /** One that has said that and has been heard. */
    const said = async (text: string, inTls: boolean): Promise<Socket> => {
      const raw = await opened(server?.port ?? 0)
      if (inTls) {
        const secure = connectTls({ socket: raw, rejectUnauthorized: false })
        secure.on('error', () => undefined)
        await once(secure, 'secureConnect')
        const before = raw.bytesWritten
        secure.write(text)
        await eventually(() => expect(text === '' || raw.bytesWritten > before).to.equal(true))
      } else raw.write(text)
      await ends.read(raw, inTls ? raw.bytesWritten : text.length)
      return raw
    }

    const all = async (): Promise<Socket[]> => {
      const each = Object.values(openings).map(text => said(text, false))
      const secure = tls ? Object.values(openings).map(text => said(text, true)) : []
      return Promise.all([...each, ...secure])
    }

    const isWell = async (): Promise<void> => {
      const { bus } = clientOf(server?.port ?? 0)
      await bus.ready()
      await bus.close()
    }

    it(`ends nothing but itself while ${how} starts`, async () => {
      const host = await started()
      for (const raw of await all()) raw.resetAndDestroy()
      await ends.gone()
      host.ready()
      await isWell()
    })

    it(`ends nothing but itself when ${how} has started, and when it is let in`, async () => {
      const host = await started()
      const before = await all()
      host.ready()
      for (const raw of before) raw.resetAndDestroy()
      for (const raw of await all()) raw.resetAndDestroy()
      await ends.gone()
      await isWell()
    })

    it(`ends nothing but itself while ${how} ends`, async () => {
      const host = await started()
      const before = await all()
      host.ready()
      const after = await all()
      const closed = host.close()
      for (const raw of [...before, ...after]) raw.resetAndDestroy()
      await closed
      await ends.gone()
    })
  }
})

describe('a host that ends', () => {
  it('does not wait for clients that do not answer', async () => {
    const server = await startServer()
    const silent = await Promise.all(
      ['an upgrade', 'an upgrade of something else', 'nothing'].map(async opening => {
        const raw = await opened(server.port)
        raw.write(openings[opening as keyof typeof openings])
        return raw
      }),
    )
    // They are connected, and read nothing more, a goodbye neither.
    const [upgraded] = silent
    if (upgraded !== undefined) await once(upgraded, 'data')
    for (const raw of silent) raw.pause()
    const began = performance.now()
    try {
      await server.close()
      // socket.io itself would wait for half a minute.
      expect(performance.now() - began).to.be.below(10_000)
    } finally {
      for (const raw of silent) raw.destroy()
    }
  })
})
