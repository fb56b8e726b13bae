import { expect } from 'chai'
import fc from 'fast-check'
import { answerParts, AnswerParts } from '../../../src/host/backbone/answer-parts.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { LimitError, PayloadTooLargeError, type Bus } from '../../../src/index.js'
import { Fields } from '../../../src/wire/frames/fields.js'
import { ANSWER_PART_BYTES, MAX_ANSWER_BYTES } from '../../../src/wire/protocol.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, rejection, untilStatus } from '../../support/messages.js'

describe('a value that is too large for a frame', () => {
  let server: HostServer
  const open: Bus[] = []

  const client = (port = server.port) => {
    const made = clientOf(port)
    open.push(made.bus)
    return made
  }

  afterEach(async () => {
    await Promise.all(open.splice(0).map(bus => bus.close({ drain: false })))
    await server.close()
  })

  it('is cut into pages: a list of dead letters over 100 MiB arrives, and the bus goes on', async function () {
    this.timeout(120_000)
    server = await startServer()
    const { bus } = client()
    bus.topic('big', { name: 'w' }).subscribe(message => message.reject('no'))
    await bus.ready()
    for (let i = 0; i < 30; i++) await bus.publish('big', Buffer.alloc(4_000_000, i))
    await untilStatus(bus, 'w', { deadLettered: 30 })
    const states = collect(bus.state$)
    const letters = await bus.deadLetters().list()
    expect(letters.map(({ payload }) => [(payload as Buffer).length, (payload as Buffer)[9]])).to.deep.equal(
      Array.from({ length: 30 }, (_, i) => [4_000_000, i]),
    )
    expect(await bus.deadLetters().list({}, { payloads: false })).to.have.lengthOf(30)
    expect(states.values).to.deep.equal(['connected'])
    await bus.publish('after', 1)
    expect(await bus.deadLetters().purge()).to.equal(30)
  })

  it('is refused at publish, once it is known what the host takes', async () => {
    server = await startServer({ maxPayload: 1_000 })
    const { bus } = client()
    const seen = collect(bus.topic('t'))
    await bus.ready()
    const error = await rejection(bus.publish('t', Buffer.alloc(1_000_000)))
    expect(error).to.be.instanceOf(PayloadTooLargeError)
    expect(String(error)).to.contain('1000')
    await bus.publish('t', 'good')
    expect(payloads(await seen.first(1))).to.deep.equal(['good'])
  })

  it('is refused when it was published before it was known what the host takes; the others arrive in order', async () => {
    server = await startServer({ maxPayload: 1_000 })
    const watcher = client()
    const seen = collect(watcher.bus.topic('t'))
    await watcher.bus.ready()
    const { bus } = client()
    const states = collect(bus.state$)
    const published = [1, Buffer.alloc(5_000_000), 2, Buffer.alloc(1_001), 3].map(payload =>
      bus.publish('t', payload).then(
        () => 'taken',
        (error: unknown) => (error as Error).constructor,
      ),
    )
    expect(await Promise.all(published)).to.deep.equal([
      'taken',
      PayloadTooLargeError,
      'taken',
      PayloadTooLargeError,
      'taken',
    ])
    await bus.ready()
    expect(states.values).to.deep.equal(['connecting', 'connected'])
    expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    expect(seen.values.map(({ redelivered }) => redelivered)).to.deep.equal([false, false, false])
  })

  it('is refused as the arguments of a call, before and after the host is known; the bus goes on', async () => {
    server = await startServer()
    const { broker, bus } = client()
    const early = broker.callHost('capabilities', Buffer.alloc(9_000_000))
    expect(await rejection(early)).to.be.instanceOf(LimitError)
    await bus.ready()
    expect(await rejection(broker.callHost('capabilities', Buffer.alloc(9_000_000)))).to.be.instanceOf(
      LimitError,
    )
    expect((await bus.status()).van).to.equal('default')
  })

  it('is refused as the arguments of a call when the host takes less than was thought', async () => {
    server = await startServer({ maxPayload: 1_000 })
    const { broker, bus } = client()
    const states = collect(bus.state$)
    expect(await rejection(broker.callHost('capabilities', Buffer.alloc(1_000_000)))).to.be.instanceOf(
      LimitError,
    )
    expect((await bus.status()).van).to.equal('default')
    expect(states.values).to.deep.equal(['connecting', 'connected'])
  })

  it('is sent in parts as the answer of one host to another, and put together again', async () => {
    server = await startServer()
    const whole = (parts: object[]): unknown => {
      const together = new AnswerParts()
      const read = parts.map(part => together.add(new Fields(part, what => new Error(what))))
      expect(read).to.deep.equal(parts.map((_, i) => i === parts.length - 1))
      return together.value()
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -40, max: 40 }), (times, more) => {
        const value = Buffer.alloc(Math.max(0, ANSWER_PART_BYTES * times + more), 7)
        const parts = answerParts({ id: 1, value })
        if (value.length + 20 < ANSWER_PART_BYTES) expect(parts).to.deep.equal([{ id: 1, value }])
        else if (value.length > ANSWER_PART_BYTES)
          expect(Buffer.compare(whole(parts) as Buffer, value)).to.equal(0)
      }),
      { numRuns: 30 },
    )
    const [answer] = answerParts({ id: 1, value: Buffer.alloc(MAX_ANSWER_BYTES) }) as {
      error?: { code: string }
    }[]
    expect(answer?.error?.code).to.equal('MSGVAN_LIMIT')
  })
})
