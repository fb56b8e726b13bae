import { once } from 'node:events'
import { createServer } from 'node:http'
import {
  createServer as createTcpServer,
  connect as connectTcp,
  type Server as TcpServer,
  type Socket,
} from 'node:net'
import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { Server } from 'socket.io'
import { localSecret } from '../../src/state/secret.js'
import { newNonce } from '../../src/wire/proof.js'
import { freePort } from '../support/ports.js'
import { Sandbox } from '../support/sandbox.js'
import { onlyOnLinux } from '../support/requirement.js'

describe('a caller with the wrong proof', () => {
  let sandbox: Sandbox
  let stranger: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    stranger = await Sandbox.make()
  })
  afterEach(async () => {
    await stranger.clean()
    await sandbox.clean()
  })

  it('is refused with what to do, and takes nothing down', async () => {
    const listener = sandbox.msgvan(['sub', '^t', '--verbose'])
    await listener.shows(/listening for/)
    const pid = await sandbox.hostPid()
    // As another user would be: with another secret.
    const at = { MSGVAN_PORT: String(sandbox.port) }
    for (const args of [['status'], ['pub', 't', 'evil'], ['stop'], ['unsubscribe', 'x'], ['restart']]) {
      const { code, stderr } = await stranger.msgvan(args, { env: at }).ended
      expect(code, args[0]).to.equal(1)
      expect(stderr, args[0]).to.contain('MSGVAN_AUTH').and.contain('MSGVAN_HOME').and.contain('port')
      expect(stderr.trimEnd().split('\n'), args[0]).to.have.length(1)
    }
    expect(await sandbox.hostPid()).to.equal(pid)
    await sandbox.msgvan(['pub', 't', 'good', '--no-start']).ended
    await listener.shows(/^t good$/m)
    expect(listener.stdout).to.equal('t good\n')
  })

  it('learns that the secret was replaced under a running host, which can still be ended', async function () {
    onlyOnLinux(this)
    const host = sandbox.msgvan(['host'])
    await host.shows(/listening/)
    await writeFile(sandbox.paths.secret, new Uint8Array(32).fill(1))
    expect((await sandbox.msgvan(['status']).ended).stderr).to.contain('MSGVAN_AUTH')
    const { code, stderr } = await sandbox.msgvan(['stop']).ended
    expect(code, stderr).to.equal(0)
    expect(stderr).to.contain(`ended process ${host.pid} by SIGTERM`)
    expect((await host.ended).code).to.equal(0)
  })
})

describe('a program that grabs the port after a crash', () => {
  let sandbox: Sandbox
  let recorder: Recorder
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(async () => {
    await recorder.close()
    await sandbox.clean()
  })

  it('learns nothing: neither secret nor messages', async () => {
    recorder = await Recorder.inFrontOf(await impostor('a made-up proof'), sandbox.port)
    const { code, stderr } = await sandbox.msgvan(['pub', 'secret-topic', 'secret-payload', '--van', 'v'])
      .ended
    expect(code).to.equal(1)
    expect(stderr).to.contain('MSGVAN_AUTH').and.contain('does not know the secret of this user')

    const seen = recorder.bytes
    expect(seen).to.contain('hello') // it did come that far
    expect(seen).to.not.contain('prove').and.not.contain('secret-topic').and.not.contain('secret-payload')
    const secret = Buffer.from(await localSecret(sandbox.paths))
    for (const encoding of ['latin1', 'hex', 'base64'] as const)
      expect(seen).to.not.contain(secret.toString(encoding))
  })

  it('learns nothing from a bus that has messages to publish at once, by welcoming it without a proof', async () => {
    recorder = await Recorder.inFrontOf(await impostor('a welcome'), sandbox.port)
    const program = sandbox.script(`
      const bus = msgvan.van()
      bus.topic(/secret-pattern/).subscribe()
      await bus.publish('secret-topic', 'secret-payload').catch(error => console.log(error.code))
      await bus.close({ drain: false })`)
    expect((await program.ended).stdout).to.equal('MSGVAN_AUTH\n')
    expect(recorder.bytes).to.contain('hello')
    for (const secret of ['prove', 'secret-topic', 'secret-payload', 'secret-pattern']) {
      expect(recorder.bytes).to.not.contain(secret)
    }
  })

  it('learns nothing by passing all on to another host of this user; a client with a token trusts whatever is between', async () => {
    const port = await freePort()
    const token = 'a token of thirty-two characters'
    const host = sandbox.msgvan(['host', '--port', String(port)], { env: { MSGVAN_TOKEN: token } })
    await host.shows(/listening/)
    recorder = await Recorder.inFrontOf({ port, close: async () => undefined }, sandbox.port)
    const publish = ['pub', 'secret-topic', 'secret-payload']
    const { code, stderr } = await sandbox.msgvan(publish).ended
    expect(code).to.equal(1)
    expect(stderr).to.contain('MSGVAN_AUTH').and.contain('another program stands between')
    expect(recorder.bytes).to.contain('hello')
    expect(recorder.bytes).to.not.contain('prove').and.not.contain('secret-topic')
    // So the recorder works.
    expect((await sandbox.msgvan([...publish, '--token', token]).ended).code).to.equal(0)
    expect(recorder.bytes).to.contain('prove').and.contain('secret-topic').and.contain('secret-payload')
    expect(recorder.bytes).to.not.contain((await readFile(sandbox.paths.secret)).toString('latin1'))
  })
})

interface Behind {
  readonly port: number
  close(): Promise<unknown>
}

/** Speaks the protocol, but does not know the secret. */
async function impostor(answer: 'a made-up proof' | 'a welcome'): Promise<Behind> {
  const http = createServer()
  const server = new Server(http, { transports: ['websocket'], serveClient: false })
  server.on('connection', socket => {
    socket.on('hello', () => {
      if (answer === 'a welcome')
        socket.emit('welcome', { session: 's', resumed: false, received: 0, maxPayload: 1e6 })
      else socket.emit('challenge', { version: '0.1.0', nonce: newNonce(), proof: newNonce() })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const address = http.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => server.close(),
  }
}

/** Passes connections on and keeps what clients sent, without the masks of WebSocket frames. */
class Recorder {
  #seen: Buffer[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(
    readonly behind: Behind,
    readonly server: TcpServer,
  ) {}

  static async inFrontOf(behind: Behind, port: number): Promise<Recorder> {
    const server = createTcpServer()
    const recorder = new Recorder(behind, server)
    server.on('connection', client => recorder.#join(client))
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return recorder
  }

  /** All that clients sent, as latin1. */
  get bytes(): string {
    return unmasked(Buffer.concat(this.#seen)).toString('latin1')
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.server.close(resolve))
    await this.behind.close()
  }

  #join(client: Socket): void {
    const host = connectTcp(this.behind.port, '127.0.0.1')
    const chunks: Buffer[] = []
    for (const [from, to] of [
      [client, host],
      [host, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.on('data', (chunk: Buffer) => to.write(chunk))
    }
    client.on('data', (chunk: Buffer) => chunks.push(chunk))
    client.on('close', () => this.#seen.push(Buffer.concat(chunks)))
    this.#seen.push(...chunks)
  }
}

/** A client's stream: an HTTP request, then masked WebSocket frames. What is no WebSocket stays as it is. */
function unmasked(stream: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const end = stream.indexOf('\r\n\r\n', at)
    if (end < 0) break
    parts.push(stream.subarray(at, end + 4))
    at = end + 4
    while (at + 6 <= stream.length && (stream[at] ?? 0) >= 0x80) {
      let length = (stream[at + 1] ?? 0) & 0x7f
      at += 2
      if (length === 126) {
        length = stream.readUInt16BE(at)
        at += 2
      } else if (length === 127) {
        length = Number(stream.readBigUInt64BE(at))
        at += 8
      }
      const mask = stream.subarray(at, at + 4)
      at += 4
      parts.push(stream.subarray(at, at + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0)) as Buffer)
      at += length
    }
  }
  parts.push(stream.subarray(at))
  return Buffer.concat(parts)
}
