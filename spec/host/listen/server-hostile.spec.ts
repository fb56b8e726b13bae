import { expect } from 'chai'
import { io, type Socket } from 'socket.io-client'
import * as stockParser from 'socket.io-parser'
import { randomUUID } from 'node:crypto'
import { connect, type Socket as NetSocket } from 'node:net'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { Bus } from '../../../src/index.js'
import { ByteWriter } from '../../../src/codec/byte-writer.js'
import { encodeCall } from '../../../src/wire/frames/control-frames.js'
import { beginFrame, FrameKind, writeHeader } from '../../../src/wire/frames/frames.js'
import { tcpEnds } from '../../../src/wire/connection-ends.js'
import { hideKey, prove } from '../../../src/wire/proof.js'
import { PROTOCOL } from '../../../src/wire/protocol.js'
import { PublishWriter } from '../../../src/wire/frames/publish-frame.js'
import { socketParser } from '../../../src/wire/socket-parser.js'
import { WritingTable } from '../../../src/wire/frames/string-table.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { identityOf } from '../../support/identity.js'
import { collect, payloads, rejection } from '../../support/messages.js'

interface Refusal {
  code: string
  message: string
}

/** A hand-made client: speaks socket.io, and the protocol as far as the test wants. */
class Stranger {
  readonly socket: Socket
  /** A client of its own: a host remembers what each has published. */
  readonly identity = identityOf(randomUUID())
  readonly refusal: Promise<Refusal | undefined>

  constructor(port: number, headers: Record<string, string> = {}, parser: unknown = socketParser) {
    this.socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      extraHeaders: headers,
      parser,
    })
    let told: Refusal | undefined
    this.socket.on('refused', (refusal: Refusal) => (told = refusal))
    this.refusal = new Promise(resolve => {
      this.socket.on('disconnect', () => resolve(told))
      this.socket.on('connect_error', () => resolve(told))
    })
  }

  hello(changes: Record<string, unknown> = {}): Record<string, unknown> {
    const own = {
      protocol: PROTOCOL,
      version: '0.1.0',
      van: 'default',
      client: this.identity.id,
      nonce: 'ab',
      credential: 'secret',
    }
    return { ...own, ...changes }
  }

  /** The whole handshake, as it should be. */
  async enter(): Promise<this> {
    await this.prove()
    await this.next('welcome')
    return this
  }

  /** Up to the proof. */
  async prove({ id, key } = this.identity, session?: string): Promise<void> {
    this.socket.emit('hello', this.hello({ client: id }))
    const { nonce } = await this.next<{ nonce: string }>('challenge')
    const transcript = {
      protocol: PROTOCOL,
      van: 'default',
      client: id,
      clientNonce: 'ab',
      hostNonce: nonce,
      ends: this.ends,
    }
    this.socket.emit('prove', {
      proof: await prove(secret, 'client', transcript),
      key: await hideKey(key, secret, transcript),
      ...(session === undefined ? {} : { session: { id: session, received: 0 } }),
    })
  }

  /** Of its connection, as the host sees them. */
  get ends(): string | undefined {
    const { ws } = this.socket.io.engine.transport as unknown as { ws: { _socket: NetSocket } }
    const { localAddress, localPort, remoteAddress, remotePort } = ws._socket
    return tcpEnds({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort })
  }

  /** The next frame that is more than an acknowledgement, as text. */
  answer(): Promise<string> {
    return new Promise(resolve => {
      this.socket.on('frame', (bytes: Buffer) => {
        if (bytes[0] !== FrameKind.Ack) resolve(bytes.toString())
      })
    })
  }

  next<T>(event: string): Promise<T> {
    return new Promise(resolve => this.socket.once(event, resolve))
  }

  send(...arguments_: unknown[]): this {
    this.socket.emit('frame', ...arguments_)
    return this
  }
}

function frame(kind: number, number: number, body: Uint8Array, received = 0, acked = 0): Uint8Array {
  const writer = beginFrame(new ByteWriter())
  writer.raw(body)
  const bytes = writer.take()
  writeHeader(bytes, kind as FrameKind, number, received, acked)
  return bytes
}

function numbered(bytes: Uint8Array, kind: FrameKind, number = 1): Uint8Array {
  writeHeader(bytes, kind, number, 0, 0)
  return bytes
}

function publication(topic: string, payload: unknown): Uint8Array {
  const writer = new PublishWriter(new WritingTable())
  writer.add(topic, 0, {}, payload, Infinity)
  return numbered(writer.take(), FrameKind.Publish)
}

const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]

const garbage: Record<string, unknown> = {
  'no argument': undefined,
  'a text': 'frame',
  'a number': 7,
  'an object': { kind: 10 },
  'nothing in it': new Uint8Array(0),
  'half a header': new Uint8Array(7).fill(10),
  'an unknown kind': frame(99, 1, new Uint8Array(0)),
  'a kind for clients only': frame(FrameKind.Deliver, 1, new Uint8Array(0)),
  'a gap before it': frame(FrameKind.Sync, 5, Uint8Array.of(1)),
  'a huge number': frame(FrameKind.Sync, 2 ** 48 - 1, Uint8Array.of(1)),
  'an acknowledgement of what was never sent': frame(FrameKind.Sync, 1, Uint8Array.of(1), 5, 5),
  'more acknowledged than received': frame(FrameKind.Sync, 1, Uint8Array.of(1), 0, 1),
  'no number where one belongs': frame(FrameKind.Publish, 0, new Uint8Array(0)),
  'a truncated batch': publication('topic', 'payload').subarray(0, 30),
  'a number over 2^53': frame(FrameKind.Sync, 1, Uint8Array.of(...huge.slice(0, 6), 0xff, 0xff, 0x7f)),
  'a huge count of verdicts': frame(FrameKind.Settle, 1, Uint8Array.of(1, 0, 0, ...huge)),
  'a huge count of kept deliveries': frame(FrameKind.Leave, 1, Uint8Array.of(1, 0, ...huge)),
  'a topic number that was never given': frame(FrameKind.Publish, 1, Uint8Array.of(0, 100, 0, 0, 0, 0, 0, 0)),
  'an empty topic': frame(FrameKind.Publish, 1, Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 0, 0)),
  'a payload longer than the frame': frame(
    FrameKind.Publish,
    1,
    Uint8Array.of(0, 0, 1, 97, 2, 0, 255, 255, 255, 127),
  ),
  'a topic over 1,024 bytes': publication('x'.repeat(1_100), 1),
  'a call that cannot be read': frame(FrameKind.Call, 1, Uint8Array.of(1, 1, 97, 0xff, 77)),
}

describe('a host and strangers', () => {
  let server: HostServer
  let bus: Bus
  const strangers: Stranger[] = []
  const stranger = (headers?: Record<string, string>, parser?: unknown): Stranger => {
    const made = new Stranger(server.port, headers, parser)
    strangers.push(made)
    return made
  }

  before(async () => {
    server = await startServer({ token: 'the token' })
  })
  after(() => server.close())
  beforeEach(async () => {
    bus = clientOf(server.port).bus
    await bus.ready()
  })
  /** Whatever the stranger did, the others go on. */
  afterEach(async () => {
    for (const { socket, identity } of strangers.splice(0)) {
      socket.disconnect()
      // It said no goodbye: the host would wait for it.
      server.endSession(identity.id)
    }
    const seen = collect(bus.topic('still here'))
    await bus.publish('still here', 1)
    expect(payloads(await seen.first(1))).to.deep.equal([1])
    await bus.close()
  })

  for (const [what, bytes] of Object.entries(garbage)) {
    it(`a frame with ${what}: is refused with a reason and disconnected`, async () => {
      const { refusal } = (await stranger().enter()).send(bytes)
      expect(await refusal).to.include({ code: 'MSGVAN_PROTOCOL' })
    })
  }

  it('a frame in socket.io’s own encoding: dropped', async () => {
    const entered = await stranger({}, stockParser).enter()
    await entered.send(publication('t', 1)).refusal
    expect(entered.socket.connected).to.equal(false)
  })

  it('a frame of 64 MiB: dropped', async () => {
    const entered = await stranger().enter()
    entered.send(new Uint8Array(64 * 1024 * 1024))
    await entered.refusal
  })

  it('a payload over maxPayload: refused, and the connection stays', async () => {
    const entered = await stranger().enter()
    const outcome = entered.answer()
    entered.send(publication('t', Buffer.alloc(8 * 1024 * 1024)))
    expect(await outcome).to.contain('MSGVAN_PAYLOAD_TOO_LARGE')
    expect(entered.socket.connected).to.equal(true)
  })

  it('a publish to a system topic: refused, and the connection stays', async () => {
    const entered = await stranger().enter()
    const outcome = entered.answer()
    entered.send(publication('$dead/x', 1))
    expect(await outcome).to.contain('MSGVAN_INVALID_TOPIC')
    expect(entered.socket.connected).to.equal(true)
  })

  for (const [method, args, code] of [
    ['no such', {}, 'MSGVAN_UNSUPPORTED'],
    ['subscribe', 7, 'MSGVAN_INVALID_OPTION'],
    [
      'subscribe',
      { subscription: 1, request: { pattern: { source: '(', flags: '' } } },
      'MSGVAN_INVALID_PATTERN',
    ],
    ['subscribe', { subscription: 1, request: { pattern: 't', prefetch: -1 } }, 'MSGVAN_INVALID_OPTION'],
    ['unsubscribe', { name: 5 }, 'MSGVAN_INVALID_OPTION'],
    ['handlers.register', {}, 'MSGVAN_INVALID_OPTION'],
  ] as const) {
    it(`the call ${method} with ${JSON.stringify(args)}: refused as ${code}`, async () => {
      const entered = await stranger().enter()
      const reply = entered.answer()
      entered.send(numbered(encodeCall({ id: 1, method, args }), FrameKind.Call))
      expect(await reply).to.contain(code)
    })
  }

  it('a call with more than 64 KiB of arguments: refused before they are decoded, and the connection stays', async () => {
    const entered = await stranger().enter()
    const calls = ['status', 'unsubscribe', 'deadLetters.purge', 'handlers.register', 'no such'].entries()
    for (const [id, method] of calls) {
      const reply = entered.answer()
      const frame = encodeCall({ id, method, args: { name: 'x'.repeat(65_000) } })
      // What stands in the place of the text cannot be read: to decode it would end the connection.
      const args = frame.length - 65_000
      entered.send(
        numbered(Buffer.concat([frame.subarray(0, args), Buffer.alloc(70_000, 255)]), FrameKind.Call, id + 1),
      )
      expect(await reply).to.contain('MSGVAN_LIMIT')
    }
    expect(entered.socket.connected).to.equal(true)
  })

  it('a call with a Map, a Set or a large BigInt: refused unread, at any depth, and the connection stays', async () => {
    const entered = await stranger().enter()
    const deep = [[{ name: new Map([[1, 1]]) }]]
    const all = [new Map(), new Set([1]), { name: deep }, 2n ** 70n, [-(2n ** 70n)], { args: new Set() }]
    const methods = ['unsubscribe', 'actors.create', 'backbone.request', 'host.capabilities', 'no such']
    const calls = methods.flatMap(method => all.map(args => ({ method, args }))).entries()
    for (const [id, call] of calls) {
      const reply = entered.answer()
      entered.send(numbered(encodeCall({ id, ...call }), FrameKind.Call, id + 1))
      expect(await reply, call.method).to.match(/MSGVAN_INVALID_OPTION.*a Map, a Set or a BigInt/s)
    }
    expect(entered.socket.connected).to.equal(true)
  })

  it('an unknown event, or a frame before the proof: is refused with a reason and disconnected', async () => {
    const one = stranger()
    one.socket.emit('join', 'room')
    expect(await one.refusal).to.include({ code: 'MSGVAN_PROTOCOL' })
    expect(await stranger().send(publication('t', 1)).refusal).to.include({ code: 'MSGVAN_PROTOCOL' })
  })

  for (const [what, hello] of Object.entries({
    nothing: undefined,
    'a text': 'hello',
    'no van': { van: undefined },
    'a van without a name': { van: '' },
    'a van with a name too long': { van: 'v'.repeat(300) },
    'a client that is no text': { client: {} },
    'an unknown kind of credential': { credential: 'password' },
  })) {
    it(`a hello with ${what}: is refused with a reason and disconnected`, async () => {
      const one = stranger()
      one.socket.emit('hello', typeof hello === 'object' ? one.hello(hello) : hello)
      expect(await one.refusal).to.include({ code: 'MSGVAN_PROTOCOL' })
    })
  }

  it('a hello of another protocol: is refused with both versions and advice', async () => {
    const one = stranger()
    one.socket.emit('hello', { protocol: 99, version: '9.9.9' })
    const refusal = await one.refusal
    expect(refusal).to.include({ code: 'MSGVAN_VERSION_MISMATCH' })
    expect(refusal?.message).to.match(/protocol \d+\b.*9\.9\.9.*protocol 99.*msgvan restart/)
  })

  it('a wrong proof, and one that repeats the host’s own: refused', async () => {
    for (const answer of [() => 'ab'.repeat(32), (proof: string) => proof]) {
      const one = stranger()
      one.socket.emit('hello', one.hello())
      const { proof } = await one.next<{ proof: string }>('challenge')
      one.socket.emit('prove', { proof: answer(proof), key: 'ab' })
      expect(await one.refusal).to.include({ code: 'MSGVAN_AUTH' })
    }
  })

  for (const [what, forged] of Object.entries({
    'another key': identityOf('another').key,
    'a key that is too short': new Uint8Array(16),
  }))
    it(`an id of another client, with ${what}: refused, and that one keeps its session`, async () => {
      const first = stranger()
      await first.prove()
      const { session } = await first.next<{ session: string }>('welcome')
      for (const claimed of [session, undefined]) {
        const other = stranger()
        await other.prove({ id: first.identity.id, key: forged }, claimed)
        expect(await other.refusal).to.include({ code: 'MSGVAN_AUTH' })
      }
      expect(first.socket.connected).to.equal(true)
    })

  it('an id that is the digest of no key: refused', async () => {
    const one = stranger()
    await one.prove({ id: 'anything', key: one.identity.key })
    expect(await one.refusal).to.include({ code: 'MSGVAN_AUTH' })
  })

  it('a wrong token or a wrong secret is an error at the client, also of a call, and the host goes on', async () => {
    for (const kind of ['token', 'secret'] as const) {
      const wrong = clientOf(server.port, {
        secret: () => Promise.resolve({ kind, secret: new Uint8Array(32) }),
      }).bus
      const problems = collect(wrong.errors$)
      for (const call of [wrong.ready(), wrong.publish('t', 1), wrong.status()]) {
        expect(await rejection(call)).to.include({ code: 'MSGVAN_AUTH' })
      }
      // The reason comes once, not once more for the refused publish.
      expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_AUTH'])
      await wrong.close()
    }
  })

  it('the right token: welcome, but not to what only this user may do', async () => {
    const { bus: far, broker } = clientOf(server.port, {
      secret: () => Promise.resolve({ kind: 'token', secret: new TextEncoder().encode('the token') }),
    })
    await far.ready()
    expect(await rejection(broker.callHost('stop'))).to.be.instanceOf(Error)
    await far.close()
  })

  it('a web page that was not let in: refused at once, with the reason', async () => {
    expect(await stranger({ origin: 'https://evil.example' }).refusal).to.include({ code: 'MSGVAN_AUTH' })
    // The same client without an Origin comes in.
    await stranger().enter()
  })

  it('the host hangs up on bytes that are not HTTP', async () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    const closed = new Promise(resolve => socket.on('close', resolve))
    socket.write('\0\x01garbage\r\n\r\n')
    socket.resume()
    await closed
  })

  it('the newest of two connections to one session wins, and the other gets an error', async () => {
    const first = stranger()
    await first.prove()
    const { session } = await first.next<{ session: string }>('welcome')
    const second = stranger()
    await second.prove(first.identity, session)
    expect(await second.next('welcome')).to.include({ session, resumed: true })
    expect(await first.refusal).to.include({ code: 'MSGVAN_SESSION_LOST' })
    expect(second.socket.connected).to.equal(true)
  })
})
