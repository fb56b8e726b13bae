import { expect } from 'chai'
import { LetterMemory } from '../../../src/broker/dead-letters/letter-memory.js'
import type { LocalBroker } from '../../../src/broker/local-broker.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import type { Message } from '../../../src/message/message.js'
import { brokerIn, request } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

const SIZE = 10_000

describe('the memory of the dead letters of all vans', () => {
  let time: VirtualTime
  let memory: LetterMemory
  let sequence = 0

  beforeEach(() => {
    time = new VirtualTime()
    memory = new LetterMemory(20 * SIZE)
  })

  const van = (): LocalBroker => {
    const broker = brokerIn(time, { letterMemory: memory })
    broker.consume(request({ pattern: /^/ }), {
      next: (message: Message) => message.reject('no'),
      error: () => undefined,
      complete: () => undefined,
    })
    return broker
  }
  const fail = (broker: LocalBroker, count: number): void => {
    for (let n = 0; n < count; n += 1) {
      sequence += 1
      const body = Buffer.alloc(SIZE)
      void broker.accept(new Envelope('p', sequence, 't', noHeaders, 1, body, SIZE, Encoding.Bytes))
    }
  }
  const letters = (broker: LocalBroker): number => broker.letterPage({}, 0, false).letters.length

  it('has a limit for all together: the van with the most drops its oldest', async () => {
    const [hostile, honest] = [van(), van()]
    fail(honest, 5)
    fail(hostile, 100)
    expect(letters(honest)).to.equal(5)
    expect(letters(hostile)).to.be.within(10, 14)
    expect(memory.bytes).to.be.at.most(memory.max)
    expect(hostile.counters.dropped).to.equal(100 - letters(hostile))
    expect(honest.counters.dropped).to.equal(0)
    fail(honest, 3)
    expect(letters(honest)).to.equal(8)
    await hostile.close()
    expect(memory.bytes).to.be.within(8 * SIZE, 9 * SIZE)
    fail(honest, 8)
    expect(letters(honest)).to.equal(16)
    await honest.close()
    expect(memory.bytes).to.equal(0)
  })

  it('holds for many vans with few letters each', async () => {
    const vans = Array.from({ length: 50 }, van)
    for (const each of vans) fail(each, 2)
    expect(memory.bytes).to.be.at.most(memory.max)
    expect(vans.reduce((sum, each) => sum + letters(each), 0)).to.be.within(15, 20)
    for (const each of vans) await each.close()
    expect(memory.bytes).to.equal(0)
  })

  it('is free again when letters are replayed or purged', async () => {
    const broker = van()
    fail(broker, 10)
    expect(memory.bytes).to.be.greaterThan(10 * SIZE)
    expect(await broker.control.deadLetters().purge()).to.equal(10)
    expect(memory.bytes).to.equal(0)
    await broker.close()
  })
})
