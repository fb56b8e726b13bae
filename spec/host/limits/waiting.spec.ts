import { expect } from 'chai'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { encodeRequest } from '../../../src/wire/frames/subscription-request.js'
import { eventually } from '../../support/eventually.js'
import { collect } from '../../support/messages.js'
import { GuardedHost } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'
import { Rogue } from '../../support/rogue.js'

const rights = { publish: ['.*'], subscribe: ['.*'], names: ['.*'], admin: true }
const KILOBYTE = 1024
const body = Buffer.alloc(100 * KILOBYTE)

describe('the bytes of a principal that wait', () => {
  let host: GuardedHost

  const start = async (limits: object): Promise<void> => {
    host = await GuardedHost.with({ ada: { ...rights, limits }, bob: rights })
  }
  afterEach(() => host.close())

  /** Keeps what comes to it until it is told otherwise. */
  const keep = async (topic: string): Promise<() => void> => {
    const { bus } = host.client(undefined)
    const kept = collect(bus.topic(topic, { name: `of ${topic}`, ack: 'manual', prefetch: 1_000 }))
    await bus.ready()
    return () => {
      for (const message of kept.values) message.ack()
    }
  }
  const waitingOf = async (): Promise<number> => {
    const { waiting = {} } = await host.client(undefined).bus.status()
    return waiting['ada']?.bytes ?? 0
  }

  it("hold its publishes at all its clients, and nobody else's, until others have settled them", async () => {
    await start({ waiting: 350 * KILOBYTE })
    const settle = await keep('t')
    const [one, two] = [host.client('ada').bus, host.client('ada').bus]
    for (let n = 0; n < 4; n += 1) await one.publish('t', body)
    let done = 0
    const late = [one, two].map(bus => bus.publish('t', body).then(() => (done += 1)))
    await Promise.all([one.ready(), two.ready()])
    await host.client('bob').bus.publish('t', body)
    expect(done).to.equal(0)
    expect(await waitingOf()).to.be.within(600 * KILOBYTE, 800 * KILOBYTE)
    // All have come, also those whose promises wait.
    settle()
    await Promise.all(late)
    await eventually(async () => expect(await waitingOf()).to.equal(0))
  })

  it('are refused beyond the limit by choice, and to a client that does not wait', async () => {
    await start({ waiting: 150 * KILOBYTE, over: 'refuse' })
    await keep('t')
    const { bus } = host.client('ada')
    await bus.publish('t', body)
    await bus.publish('t', body)
    expect(await rejection(bus.publish('t', 1))).to.include({ code: 'MSGVAN_LIMIT' })
    expect((await host.client(undefined).bus.status()).limited).to.deep.equal({ ada: { waiting: 1 } })
    await host.file.add('ada', { ...rights, limits: { waiting: 250 * KILOBYTE } })
    host.file.write()
    await eventually(() => expect(host.principals.get('ada')?.limits?.over).to.equal('wait'))
    const more = Promise.allSettled(Array.from({ length: 50 }, () => bus.publish('t', body)))
    expect(await Promise.race([more, bus.ready().then(() => 'waits')])).to.equal('waits')
    expect(String(await rejection(bus.publish('t', 1)))).to.match(/LimitError.*"waiting".*Await them/)
    void more
  })

  it('end their wait when the limit is raised or taken away', async () => {
    await start({ waiting: KILOBYTE })
    await keep('t')
    const { bus } = host.client('ada')
    await bus.publish('t', body)
    const waiting = [bus.publish('t', body), bus.publish('t', body)]
    await bus.ready()
    await host.file.add('ada', rights)
    host.file.write()
    await Promise.all(waiting)
  })

  it('include data that its clients do not read: beyond the limit each client may leave 1 MiB', async () => {
    await start({ waiting: 2 * KILOBYTE * KILOBYTE })
    const url = `http://127.0.0.1:${host.server.port}`
    const credential = await tokenCredential(host.file.tokens.get('ada') ?? '')
    const readers = await Promise.all([1, 2, 3].map(() => Rogue.join({ url, credential })))
    for (const reader of readers) {
      reader.keeps = false
      const rules = { ordered: false, prefetch: 1_000, attempts: 5, delay: 0, ackTimeout: 0 }
      const most = { maxPending: 1_000, maxPendingBytes: 2 ** 40, overflow: 'pause' } as const
      reader.call('subscribe', {
        subscription: 1,
        request: encodeRequest({ pattern: 't', ...rules, ...most }),
      })
    }
    const { bus } = host.client('bob')
    await eventually(async () => expect((await bus.status()).subscriptions).to.have.length(3))
    for (let n = 0; n < 100; n += 1) await bus.publish('t', body)
    expect(await waitingOf()).to.be.within(2 * KILOBYTE * KILOBYTE, 6 * KILOBYTE * KILOBYTE)
    for (const reader of readers) reader.close()
  })
})
