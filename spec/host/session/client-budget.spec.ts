import { expect } from 'chai'
import { dialSocket, type Dial } from '../../../src/client/connection/dial-socket.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { ByteBudget } from '../../../src/broker/memory/byte-budget.js'
import { ClientBudget } from '../../../src/host/session/client-budget.js'
import { Publisher } from '../../../src/host/session/publisher.js'
import { SessionCalls } from '../../../src/host/session/session-calls.js'
import type { SessionOutput } from '../../../src/host/session/session-output.js'
import type { Session } from '../../../src/host/session/session.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { InvalidTopicError, LimitError, type Bus } from '../../../src/index.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { FrameKind } from '../../../src/wire/frames/frames.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads } from '../../support/messages.js'
import { identityOf } from '../../support/identity.js'
import { Rogue } from '../../support/rogue.js'
import type { ClientIdentity } from '../../../src/wire/client-identity.js'

const KILOBYTE = 1024
const MOST = 64 * KILOBYTE

describe('the answers that one client leaves unread', () => {
  let server: HostServer
  let open: (Bus | Rogue)[] = []
  const warnings: string[] = []

  const rogue = async (
    options: { client?: ClientIdentity; session?: { id: string; received: number } } = {},
  ) => {
    const url = `http://127.0.0.1:${server.port}`
    const made = await Rogue.join({ url, credential: { secret }, ...options })
    open.push(made)
    return made
  }

  const sessionOf = (id: string): Session => {
    const found = [...server.sessions.transfer.held.sessions].find(session => session.id === id)
    if (found === undefined) throw new Error('there is no such session')
    return found
  }

  beforeEach(async () => {
    warnings.length = 0
    server = await startServer({ maxWaiting: MOST, warn: text => warnings.push(text) })
  })

  afterEach(async () => {
    for (const each of open)
      if (each instanceof Rogue) each.close()
      else await each.close({ drain: false })
    open = []
    await server.close()
  })

  const attacks: Record<string, (client: Rogue) => void> = {
    'replies to calls': client => client.call('status'),
    'refusals of publishes': client => client.publish('$system', Array(20).fill(1)),
    'refusals of calls': client => client.call('nothing'),
    'answers to SYNC': client => {
      const frame = new Uint8Array(20)
      frame[19] = 1
      client.send(FrameKind.Sync, frame)
    },
  }

  for (const [name, attack] of Object.entries(attacks)) {
    it(`${name}: it gets a LimitError and loses its connection, and its session waits`, async () => {
      const client = await rogue()
      const session = sessionOf(client.welcome.session)
      let reason: unknown
      void client.lost.then(error => (reason = error))
      // More than the host takes.
      for (let sent = 0; sent < 10_000 && reason === undefined; sent += 1) {
        attack(client)
        if (sent % 50 === 0) await new Promise(resolve => setImmediate(resolve))
      }
      expect(await client.lost).to.be.instanceOf(LimitError)
      expect(session.hasEnded).to.equal(false)
      expect(session.isConnected).to.equal(false)
      // At most one more frame, and its entries.
      expect(session.budget.bytes).to.be.within(MOST / 2, MOST + 16 * KILOBYTE)
      expect(warnings.filter(text => text.includes('unread'))).to.have.lengthOf(1)
      const { bus } = clientOf(server.port)
      open.push(bus)
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 1)
      expect(payloads(await seen.first(1))).to.deep.equal([1])
    })
  }

  const exceed = async (): Promise<{ client: Rogue; session: Session }> => {
    const client = await rogue({ client: identityOf('rogue') })
    const session = sessionOf(client.welcome.session)
    for (let sent = 0; sent < 2_000; sent += 1) client.call('nothing')
    await client.lost
    return { client, session }
  }

  it('are lost with no session: a client that comes back and reads them goes on', async () => {
    const { client, session } = await exceed()
    const again = await rogue({
      client: identityOf('rogue'),
      session: { id: session.id, received: client.received },
    })
    expect(again.welcome.resumed).to.equal(true)
    await eventually(() => expect(again.received).to.equal(session.link.lastNumber))
    again.acknowledge()
    await eventually(() => expect(session.budget.bytes).to.equal(0))
    again.call('status')
    await eventually(() => expect(again.frames.at(-1)?.kind).to.equal(FrameKind.Reply))
    await eventually(() => expect(again.received).to.equal(session.link.lastNumber))
  })

  it('are not more when a client comes back that does not read them', async () => {
    const { client, session } = await exceed()
    for (let times = 0; times < 5; times += 1) {
      // It claims that it got nothing.
      const again = await rogue({
        client: identityOf('rogue'),
        session: { id: session.id, received: client.acked },
      })
      for (let sent = 0; sent < 100; sent += 1) again.call('status')
      expect(await again.lost).to.be.instanceOf(LimitError)
    }
    expect(session.budget.bytes).to.be.below(MOST + 16 * KILOBYTE)
  })

  it('are told to an app on errors$, and its bus comes back', async () => {
    let refuse = (): void => undefined
    const dial: Dial = (url, listener, timeoutMs) => {
      refuse = () => listener.event('refused', { code: 'MSGVAN_LIMIT', message: 'too much' })
      return dialSocket()(url, listener, timeoutMs)
    }
    const { bus } = clientOf(server.port, { dial })
    open.push(bus)
    const told = collect(bus.errors$)
    const seen = collect(bus.topic('t'))
    await bus.ready()
    refuse()
    expect((await told.first(1))[0]).to.be.instanceOf(LimitError)
    await bus.publish('t', 'after')
    expect(payloads(await seen.first(1))).to.deep.equal(['after'])
  })
})

describe('long answers', () => {
  it('are made a few at a time for one client, the others in their order', async () => {
    const begun: (() => void)[] = []
    const sent: FrameKind[] = []
    const calls = new SessionCalls({
      answer: () => new Promise(resolve => begun.push(() => resolve(1))),
      output: { send: (kind: FrameKind) => sent.push(kind) } as unknown as SessionOutput,
      budget: new ClientBudget({
        link: { answerBytes: 0 },
        max: MOST,
        host: new ByteBudget(Infinity),
        exceeded: () => undefined,
      }),
    })
    for (let id = 1; id <= 10; id += 1) calls.answer({ id, method: 'status', args: undefined })
    calls.answer({ id: 11, method: 'hosts', args: undefined })
    await Promise.resolve()
    expect(begun).to.have.lengthOf(5)
    for (let done = 0; done < 11; done += 1) {
      await eventually(() => expect(begun.length).to.be.above(done))
      begun[done]?.()
    }
    await eventually(() => expect(sent).to.have.lengthOf(11))
    expect(calls.open).to.deep.equal([])
  })
})

describe('a publisher that never learns of its refusals', () => {
  it('costs a bounded memory; a forgotten outcome is an error, never a success', () => {
    const publisher = new Publisher({ through: 0, refused: new Map() }, true)
    const van = {
      accept: () => undefined,
      awaitRoom: () => undefined,
      kept: () => undefined,
    }
    const at = (sequence: number): Envelope =>
      new Envelope('p', sequence, 't', noHeaders, 0, new Uint8Array(1), 1, Encoding.Bytes)
    const offer = (sequence: number, isRefused: boolean) =>
      publisher.offer(at(sequence), van, 100, isRefused ? new InvalidTopicError('no') : undefined)
    for (let sequence = 1; sequence <= 150_000; sequence += 1) void offer(sequence, true)
    void offer(150_001, false)
    expect(publisher.refusals).to.be.within(90_000, 100_000)
    expect(offer(1, false)).to.include({ code: 'MSGVAN_LIMIT' })
    expect(offer(60_001, false)).to.include({ code: 'MSGVAN_INVALID_TOPIC' })
    expect(offer(150_001, false)).to.equal(undefined)
    expect(publisher.has(at(1))).to.equal(false)
  })
})
