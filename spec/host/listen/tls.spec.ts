import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type ConnectionOptions, type Server } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { connect as connectBus } from '../../../src/client/index.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { certificateFor } from '../../support/certificate.js'
import { startServer } from '../../support/host-server.js'
import { eventually } from '../../support/eventually.js'
import { rejection } from '../../support/rejection.js'

/** The key of the certificate itself protects what passes. */
const WITHOUT = { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' } as const

describe('TLS at a host', () => {
  let folder: string
  let identity: { cert: string; key: string }
  let server: HostServer | undefined
  let other: Server | undefined

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    const { pem, key } = await certificateFor(folder, ['127.0.0.2'], 'rsa')
    identity = { cert: pem, key: await readFile(key, 'utf8') }
  })
  after(() => rm(folder, { recursive: true }))
  afterEach(async () => {
    await server?.close()
    other?.close()
    server = other = undefined
  })

  /** The cipher, or the error's code. */
  function shake(port: number, options: ConnectionOptions): Promise<string> {
    return new Promise(resolve => {
      const socket = connect({ host: '127.0.0.2', port, rejectUnauthorized: false, ...options })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
      socket.on('secureConnect', () => {
        resolve(socket.getCipher().name)
        socket.destroy()
      })
    })
  }

  it('has forward secrecy, or is refused', async () => {
    server = await startServer({ listen: '127.0.0.2', tls: identity })
    const { port } = server
    expect(await shake(port, WITHOUT)).to.match(/^ERR_SSL|ECONNRESET/)
    expect(await shake(port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).to.match(/^E/)
    expect(await shake(port, { maxVersion: 'TLSv1.2' })).to.match(/^ECDHE-/)
    expect(await shake(port, {})).to.match(/^TLS_/)
  })

  it('has forward secrecy, or a client of Node goes no further', async () => {
    other = createServer({ ...identity, ...WITHOUT }).listen(0, '127.0.0.2')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    // So that server works.
    expect(await shake(port, WITHOUT)).to.equal('AES128-GCM-SHA256')
    const bus = connectBus(`https://127.0.0.2:${port}`, { ca: identity.cert, token: 'x'.repeat(20) })
    try {
      // The first attempt may last longer than one of these waits.
      await eventually(async () =>
        expect(String(await rejection(bus.ready({ timeout: 1_000 })))).to.match(/SSL|EPROTO|TLS/),
      )
    } finally {
      await bus.close({ drain: false })
    }
  })
})
