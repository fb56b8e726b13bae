import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import { io } from 'socket.io-client'
import type { HostServer, HostServerOptions } from '../../../src/host/listen/server.js'
import { socketParser } from '../../../src/wire/socket-parser.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads } from '../../support/messages.js'

const UPGRADE =
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** The header of a masked frame, with a mask of zeros. */
function frameHeader(kind: 'text' | 'binary', length: number): Buffer {
  const header = Buffer.alloc(14)
  header.writeUInt8(kind === 'text' ? 0x81 : 0x82, 0)
  header.writeUInt8(0x80 | 127, 1)
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}

function text(packet: string): Buffer {
  return Buffer.concat([frameHeader('text', packet.length), Buffer.from(packet)])
}

const HELLO =
  '42["hello",{"protocol":5,"version":"0","van":"v","client":"c","nonce":"ab","credential":"secret"}]'

describe('a connection before its proof', () => {
  let server: HostServer
  const sockets = new Set<Socket>()
  const warnings: string[] = []

  const start = async (options: Partial<HostServerOptions> = {}): Promise<void> => {
    warnings.length = 0
    server = await startServer({ warn: line => warnings.push(line), ...options })
  }

  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await server.close()
  })

  function keep<S extends Socket>(socket: S): S {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    return socket
  }

  async function dial(localAddress = '127.0.0.1'): Promise<Socket> {
    const socket = keep(connect({ port: server.port, host: '127.0.0.1', localAddress }))
    await once(socket, 'connect').catch(() => undefined)
    socket.resume()
    return socket
  }

  async function upgraded(): Promise<Socket> {
    const socket = await dial()
    socket.write(UPGRADE)
    await once(socket, 'data')
    return socket
  }

  /** A reset is an end as any other. */
  function closing(socket: Socket): Promise<void> {
    return new Promise(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())))
  }

  /** How long it takes until the host closes it, in milliseconds. */
  async function lifeOf(socket: Socket, begun = performance.now()): Promise<number> {
    await closing(socket)
    return performance.now() - begun
  }

  /** Others come in, and what they publish arrives. */
  async function honest(): Promise<number> {
    const begun = performance.now()
    const { bus } = clientOf(server.port)
    await bus.ready()
    const took = performance.now() - begun
    const seen = collect(bus.topic('still here'))
    await bus.publish('still here', 1)
    expect(payloads(await seen.first(1))).to.deep.equal([1])
    await bus.close()
    return took
  }

  it('has 5 seconds from its first byte to its proof, whatever it sends; one that has proved stays', async function () {
    this.timeout(30_000)
    await start()
    const { bus } = clientOf(server.port)
    await bus.ready()
    const begun = performance.now()
    const idle = await dial()
    const halfRequest = await dial()
    halfRequest.write(UPGRADE.slice(0, 60))
    const page = await dial()
    page.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const silent = await upgraded()
    const halfFrame = await upgraded()
    halfFrame.write(Buffer.concat([frameHeader('binary', 3_000), Buffer.alloc(1_000)]))
    const unproved = await upgraded()
    unproved.write(Buffer.concat([text('40'), text(HELLO)]))
    // A byte now and then keeps no connection alive.
    const slow = await dial()
    const drip = setInterval(() => slow.write('G'), 300)
    try {
      for (const socket of [idle, halfRequest, page, silent, halfFrame, unproved, slow])
        expect(await lifeOf(socket, begun)).to.be.within(3_900, 8_000)
    } finally {
      clearInterval(drip)
    }
    await bus.publish('t', 1)
    await bus.close()
  })

  it('has no more time by TLS: nor before its handshake, nor after it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    const { pem: cert, key: keyFile } = await certificateFor(folder, ['127.0.0.2'])
    const key = await readFile(keyFile, 'utf8')
    await rm(folder, { recursive: true })
    await start({ listen: '127.0.0.2', tls: { cert, key }, beforeProof: { patience: 500 } })
    const far = { host: '127.0.0.2', port: server.port }
    const half = keep(connect(far))
    half.write(Buffer.of(0x16, 3, 1, 2))
    half.resume()
    const whole = keep(connectTls({ ...far, rejectUnauthorized: false }))
    await once(whole, 'secureConnect')
    whole.resume()
    const begun = performance.now()
    expect(await lifeOf(half, begun)).to.be.below(5_000)
    expect(await lifeOf(whole, begun)).to.be.below(5_000)
    const { bus } = clientOf(server.port, { url: `https://127.0.0.2:${server.port}`, tls: { ca: cert } })
    await bus.ready()
    await new Promise(resolve => setTimeout(resolve, 1_200))
    await bus.publish('t', 1)
    await bus.close()
  })

  it('sends 8 KiB at most after its request: a half frame is cut off', async () => {
    await start()
    for (const kind of ['text', 'binary'] as const) {
      const socket = await upgraded()
      let written = 0
      const closed = closing(socket)
      socket.write(frameHeader(kind, 8_000_000))
      const chunk = Buffer.alloc(1_024, 97)
      while (!socket.destroyed && written < 1_000_000) {
        written += chunk.length
        await new Promise<void>(resolve => socket.write(chunk, () => setImmediate(resolve)))
      }
      await closed
      expect(written).to.be.below(500_000)
    }
    await honest()
  })

  it('sends 300 half frames: the host takes no more memory for them', async () => {
    await start()
    const half = Buffer.concat([frameHeader('binary', 8_000_000), Buffer.alloc(1_000_000)])
    const before = process.memoryUsage()
    const closed = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const socket = await upgraded()
        socket.write(half)
        return lifeOf(socket)
      }),
    )
    expect(closed).to.have.lengthOf(300)
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).to.be.below(100_000_000)
    await honest()
  })

  it('floods the host with pings that are answered: cut off', async () => {
    await start()
    const socket = await upgraded()
    socket.pause()
    const ping = Buffer.concat([Buffer.of(0x89, 0x80 | 100, 0, 0, 0, 0), Buffer.alloc(100)])
    socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => ping)))
    socket.resume()
    expect(await lifeOf(socket)).to.be.below(2_000)
  })

  for (const depth of [1_900, 4_000_000]) {
    it(`says hello by JSON that nests ${depth} deep: refused, and the host does not stand still`, async () => {
      // A client that is refused and does not hang up has the rest of its time.
      await start({ beforeProof: { patience: 1_000 } })
      const nested = `42["hello",${'['.repeat(depth)}${']'.repeat(depth)}]`
      let longest = 0
      let last = performance.now()
      const clock = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 5)
      const closed = Array.from({ length: 10 }, async () => {
        const socket = await upgraded()
        socket.write(text('40'))
        socket.write(frameHeader('text', nested.length))
        socket.write(nested)
        return lifeOf(socket)
      })
      await Promise.all(closed).finally(() => clearInterval(clock))
      expect(longest).to.be.below(1_500)
      await honest()
    })
  }

  it('sends long JSON after its proof: cut off, unread', async () => {
    await start()
    const { bus } = clientOf(server.port)
    await bus.ready()
    const entered = io(`http://127.0.0.1:${server.port}`, {
      transports: ['websocket'],
      parser: socketParser,
      reconnection: false,
      forceNew: true,
    })
    await new Promise<void>(resolve => entered.on('connect', resolve))
    const gone = new Promise<void>(resolve => entered.on('disconnect', () => resolve()))
    entered.emit('hello', 'x'.repeat(5_000))
    await gone
    await bus.publish('t', 1)
    await bus.close()
  })

  it('is one of many idle and half-open ones: an honest client of the same address comes in at once', async function () {
    this.timeout(60_000)
    await start({ beforeProof: { connections: 200, perAddress: 100, patience: 60_000 } })
    const { bus } = clientOf(server.port)
    await bus.ready()
    for (let round = 0; round < 20; round += 1) {
      const some = await Promise.all(Array.from({ length: 50 }, () => dial()))
      for (const socket of some.filter((_, at) => at % 2 === 0)) socket.write(UPGRADE.slice(0, 60))
    }
    await eventually(() => expect(sockets.size).to.be.at.most(100))
    expect(sockets.size).to.be.above(90)
    expect(await honest()).to.be.below(1_000)
    // Another address has places of its own, up to the bound for all.
    for (let at = 0; at < 90; at += 1) await dial('127.0.0.3')
    for (let at = 0; at < 90; at += 1) await dial('127.0.0.4')
    await eventually(() => expect(sockets.size).to.be.at.most(200))
    expect(sockets.size).to.be.above(190)
    expect(await honest()).to.be.below(1_000)
    await bus.publish('t', 1)
    await bus.close()
    expect(warnings.filter(line => line.includes('127.0.0.1'))).to.have.lengthOf(1)
  })

  it('is one of a storm of honest clients, four times as many as there may be: all come in, and come back', async function () {
    this.timeout(60_000)
    await start({ beforeProof: { connections: 100, perAddress: 50 } })
    const { port } = server
    const buses = Array.from({ length: 200 }, () => clientOf(port, { readyTimeout: 50_000 }).bus)
    await Promise.all(buses.map(bus => bus.ready()))
    await server.close()
    server = await startServer({ port, beforeProof: { connections: 100, perAddress: 50 } })
    await Promise.all(buses.map(bus => bus.publish('t', 1)))
    await Promise.all(buses.map(bus => bus.close()))
  })

  it('takes no descriptor that a connection with a proof could need', async () => {
    await start({ beforeProof: { descriptors: 400 } })
    const buses = Array.from({ length: 20 }, () => clientOf(server.port).bus)
    await Promise.all(buses.map(bus => bus.ready()))
    for (let at = 0; at < 300; at += 1) await dial()
    await eventually(() => expect(sockets.size).to.be.at.most(100))
    for (const bus of buses) await bus.publish('t', 1)
    await Promise.all(buses.map(bus => bus.close()))
  })

  it('waits for a host that opens its store for longer than it would have time otherwise', async () => {
    await start({ awaitsServices: true, beforeProof: { patience: 300 } })
    const { bus } = clientOf(server.port)
    await new Promise(resolve => setTimeout(resolve, 1_000))
    server.ready()
    await bus.ready()
    await bus.close()
  })
})
