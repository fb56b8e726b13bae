import { once } from 'node:events'
import { mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dialSocket } from '../../../src/client/connection/dial-socket.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { tokenSecret } from '../../../src/wire/proof.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'
import { freePort } from '../../support/ports.js'

const token = 'a token of thirty-two characters'
const byToken = () => Promise.resolve({ kind: 'token' as const, secret: tokenSecret(token) })
/** As every client but those of these specs: it knows of no proxy. */
const dial = dialSocket()

const outside = Object.values(networkInterfaces())
  .flat()
  .find(each => each?.internal === false && each.family === 'IPv4')?.address

describe('the ends of a connection, which the secret of this user proves too', () => {
  let server: HostServer | undefined
  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  it('are those of no program between: refused, and a token is needed', async () => {
    server = await startServer({ token })
    const proxy = await Proxy.to(server.port)
    try {
      const { bus } = clientOf(proxy.port, { dial })
      expect(await rejection(bus.ready())).to.include({ code: 'MSGVAN_AUTH' })
      await bus.close()
      const far = clientOf(proxy.port, { dial, secret: byToken }).bus
      await far.ready()
      await far.close()
    } finally {
      await proxy.close()
    }
  })

  it('are those of no program that had the port before the host, and kept a connection', async () => {
    const port = await freePort()
    const accepted: Socket[] = []
    const squatter = createServer(socket => accepted.push(socket)).listen(port, '127.0.0.1')
    await once(squatter, 'listening')
    const { bus } = clientOf(port, { dial, readyTimeout: 20_000, backoff: { initial: 60_000, max: 60_000 } })
    const ready = rejection(bus.ready())
    await once(squatter, 'connection')
    squatter.close()
    server = await startServer({ port })
    const [client] = accepted
    const host = connect(port, '127.0.0.1')
    for (const each of [client, host]) each?.on('error', () => undefined)
    client?.pipe(host)
    if (client !== undefined) host.pipe(client)
    expect(await ready).to.include({ code: 'MSGVAN_AUTH' })
    await bus.close()
    for (const each of [client, host]) each?.destroy()
  })

  it('are on this machine: the secret is refused from beyond loopback, and a token is not', async function () {
    if (outside === undefined) return this.skip()
    server = await startServer({ token, listen: '0.0.0.0' })
    const url = `http://${outside}:${server.port}`
    const { bus } = clientOf(server.port, { url, dial })
    const error = await rejection(bus.ready())
    expect(error).to.include({ code: 'MSGVAN_AUTH' })
    expect(String(error)).to.contain('for this machine only')
    await bus.close()
    // A client that claims other ends is refused by the host.
    const lying = clientOf(server.port, {
      url,
      dial: (to, listener, timeoutMs) =>
        dial(to, { ...listener, opened: () => listener.opened('127.0.0.1 1 127.0.0.1 2') }, timeoutMs),
    }).bus
    expect(String(await rejection(lying.ready()))).to.contain('for the machine of its host only')
    await lying.close()
    const far = clientOf(server.port, { url, dial, secret: byToken }).bus
    await far.ready()
    await far.close()
  })

  it('are the same for both sides by IPv6, and by IPv4 at a host that listens on all addresses', async () => {
    server = await startServer({ token, listen: '::' })
    for (const at of ['127.0.0.1', '[::1]']) {
      const { bus } = clientOf(server.port, { url: `http://${at}:${server.port}`, dial })
      await bus.ready()
      await bus.close()
    }
  })
})

describe('the local socket of a host', () => {
  let home: string
  let server: HostServer | undefined
  const warnings: string[] = []
  const start = async (): Promise<HostServer> => {
    warnings.length = 0
    server = await startServer({ localSocket: path(), warn: text => warnings.push(text) })
    return server
  }
  const path = () => join(home, 'host.sock')
  const locally = () => {
    const open = () => connect({ path: path() })
    return clientOf(1, {
      locate: async () => ({ url: 'http://127.0.0.1:1', open }),
      dial: dialSocket(undefined, open),
    })
  }
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
  })
  afterEach(async () => {
    await server?.close()
    server = undefined
    await rm(home, { recursive: true })
  })

  it('is for this user alone, and goes before the port is free', async () => {
    const host = await start()
    expect((await stat(path())).mode & 0o777).to.equal(0o600)
    expect(host.localSocket).to.equal(path())
    const { bus } = locally()
    await bus.ready()
    await bus.close()
    await host.close()
    expect(await rejection(stat(path()))).to.include({ code: 'ENOENT' })
    expect(warnings).to.deep.equal([])
  })

  it('takes the place of one that a killed host left', async () => {
    const left = createServer().listen(path())
    await once(left, 'listening')
    const other = join(home, 'moved')
    // The file stays, and nothing listens there.
    await rename(path(), other)
    left.close()
    await rename(other, path())
    await start()
    const { bus } = locally()
    await bus.ready()
    await bus.close()
  })

  for (const [what, make] of [
    ['a file', () => writeFile(path(), 'mine')],
    ['a symbolic link', () => symlink('/nowhere', path())],
  ] as const)
    it(`does not take the place of ${what}: that stays, and all come by TCP`, async () => {
      await make()
      const host = await start()
      expect(host.localSocket).to.equal(undefined)
      expect(warnings.join()).to.contain('no local socket')
      const { bus } = clientOf(host.port)
      await bus.ready()
      await bus.close()
    })

  it('does not take a proof that was made for TCP', async () => {
    const host = await start()
    const between = createServer(socket => {
      const other = connect({ path: path() })
      for (const each of [socket, other]) each.on('error', () => undefined)
      socket.pipe(other).pipe(socket)
      socket.on('close', () => other.destroy())
    }).listen(0, '127.0.0.1')
    await once(between, 'listening')
    const { bus } = clientOf((between.address() as AddressInfo).port, { dial })
    expect(await rejection(bus.ready())).to.include({ code: 'MSGVAN_AUTH' })
    await bus.close()
    between.close()
    expect(host.clients).to.equal(0)
  })
})
