import { expect } from 'chai'
import { ExpiredError, InvalidOptionError, type PublishOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, register, rejection, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

const SOON = 60
/** Long enough for a few calls. */
const LIFE = 400

/** The wall clock has gone on by so much. */
async function passed(milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds
  await eventually(() => expect(Date.now()).to.be.at.least(end))
}

export function delaying(at: Connected): void {
  describe('delayed publishes', () => {
    it('come when they are due, and never earlier: by delay, and by time', async () => {
      const bus = at.bus()
      const seen: { payload: unknown; after: number }[] = []
      bus.topic('t').subscribe(({ payload }) => seen.push({ payload, after: performance.now() }))
      await bus.ready()
      const begun = performance.now()
      const time = new Date(Date.now() + 2 * SOON)
      await bus.publish('t', 'by delay', { delay: SOON })
      await at.another().publish('t', 'by time', { at: time })
      await bus.publish('t', 'now')
      await eventually(() => expect(seen).to.have.lengthOf(3))
      // On a busy machine the others may be due before the third publish.
      const later = seen.filter(({ payload }) => payload !== 'now')
      expect(later.map(({ payload }) => payload)).to.deep.equal(['by delay', 'by time'])
      expect((later[0]?.after ?? 0) - begun).to.be.at.least(SOON)
      expect(Date.now()).to.be.at.least(time.getTime())
    })

    it('come in the order in which they are due, then in that of their take-over', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      const time = new Date(Date.now() + 3 * SOON)
      const early = new Date(time.getTime() - SOON)
      for (const payload of [1, 2, 3]) await bus.publish('t', payload, { at: time })
      await bus.publish('t', 0, { at: early })
      expect(payloads(await seen.first(4))).to.deep.equal([0, 1, 2, 3])
    })

    it('reach those who subscribe before they are due, and not those who left', async () => {
      const bus = at.bus()
      const left = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 1, { delay: 2 * SOON })
      left.unsubscribe()
      const seen = collect(at.another().topic('t'))
      await at.another().ready()
      expect(payloads(await seen.first(1))).to.deep.equal([1])
      expect(left.values).to.deep.equal([])
    })

    it('a time that is over is now', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 1, { at: new Date(0) })
      await bus.publish('t', 2, { delay: 0 })
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
    })

    it('are listed in status, and keep their headers', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 'x', { delay: 5 * SOON, headers: { trace: '7' } })
      expect((await bus.status()).delayed).to.include({ messages: 1 })
      const [message] = await seen.first(1)
      expect(message?.headers).to.deep.equal({ trace: '7' })
      await eventually(async () =>
        expect((await bus.status()).delayed).to.deep.equal({ messages: 0, bytes: 0 }),
      )
    })

    it('can be cancelled by their id, from anywhere, until they are due', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 'no', { id: 'a', delay: SOON })
      await bus.publish('t', 'yes', { id: 'b', delay: SOON })
      expect(await at.another().cancel('a')).to.equal(true)
      expect(await bus.cancel('a')).to.equal(false)
      expect(await bus.cancel('c')).to.equal(false)
      expect(payloads(await seen.first(1))).to.deep.equal(['yes'])
      expect(await bus.cancel('b')).to.equal(false)
      expect((await bus.status()).delayed).to.include({ messages: 0 })
      await bus.publish('t', 'again', { id: 'a' })
      expect(payloads(await seen.first(2))).to.deep.equal(['yes', 'again'])
    })
  })

  describe('publishes with an id', () => {
    it('are taken over once, whoever publishes them', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await Promise.all([1, 2, 3].map(payload => bus.publish('t', payload, { id: 'a' })))
      await at.another().publish('t', 4, { id: 'a' })
      await at.another().publish('t', 5, { id: 'b' })
      expect(payloads(await seen.first(2))).to.deep.equal([1, 5])
    })

    it('are refused with another topic', async () => {
      const bus = at.bus()
      await bus.publish('t', 1, { id: 'a' })
      const error = await rejection(at.another().publish('u', 1, { id: 'a' }))
      expect(error).to.be.instanceOf(InvalidOptionError)
    })

    it('are remembered while they are delayed, and after', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      await bus.publish('t', 1, { id: 'a', delay: SOON })
      await bus.publish('t', 2, { id: 'a' })
      await seen.first(1)
      await bus.publish('t', 3, { id: 'a', delay: 1 })
      await bus.publish('t', 4, { id: 'b' })
      expect(payloads(await seen.first(2))).to.deep.equal([1, 4])
    })
  })

  describe('publishes with a time to live', () => {
    it('become dead letters when it ends before they are handed out', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.publish('t', 1, { ttl: LIFE })
      await bus.publish('t', 2, { ttl: 60_000 })
      await bus.publish('t', 3, { ttl: LIFE, delay: 1 })
      await untilStatus(bus, 'w', { pending: 3 })
      await passed(LIFE + 1)
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(1))).to.deep.equal([2])
      await untilStatus(bus, 'w', { deadLettered: 2, dropped: 0, pending: 0, failed: 0 })
      const letters = await bus.deadLetters().list()
      expect(letters.map(({ payload }) => payload)).to.deep.equal([1, 3])
      expect(letters[0]?.error).to.contain(ExpiredError.name)
      expect(await bus.deadLetters().replay()).to.equal(2)
      expect(payloads(await seen.first(3))).to.deep.equal([2, 1, 3])
    })

    it('counts from the moment at which they are due', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.publish('t', 1, { at: new Date(Date.now() - 2 * LIFE), ttl: LIFE })
      await bus.publish('t', 2, { delay: 2 * SOON, ttl: LIFE })
      await untilStatus(bus, 'w', { pending: 1, deadLettered: 1 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(1))).to.deep.equal([2])
    })

    it('are dropped and counted where the subscription says so', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't', { expired: 'drop' })
      await bus.publish('t', 1, { ttl: LIFE })
      await bus.publish('t', 2)
      await untilStatus(bus, 'w', { pending: 2 })
      await passed(LIFE)
      const seen = collect(bus.topic('t', { name: 'w', expired: 'drop' }))
      expect(payloads(await seen.first(1))).to.deep.equal([2])
      await untilStatus(bus, 'w', { deadLettered: 0, dropped: 1, pending: 0 })
    })
  })

  describe('wrong rules of a publish', () => {
    const wrong: [string, object][] = [
      ['delay and at', { delay: 1, at: new Date() }],
      ['a negative delay', { delay: -1 }],
      ['no number as delay', { delay: NaN }],
      ['an endless delay', { delay: Infinity }],
      ['a text as delay', { delay: '5m' }],
      ['an invalid date', { at: new Date(NaN) }],
      ['a date too far away', { at: new Date(8e15) }],
      ['a number as at', { at: 5 }],
      ['a negative ttl', { ttl: -1 }],
      ['a ttl of nothing', { ttl: 0 }],
      ['an empty id', { id: '' }],
      ['a long id', { id: 'x'.repeat(201) }],
      ['half a surrogate pair', { id: '\ud800' }],
      ['null', { id: null }],
    ]
    for (const [what, options] of wrong)
      it(`are refused at once: ${what}`, async () => {
        const error = await rejection(at.bus().publish('t', 1, options as PublishOptions))
        expect(error).to.be.instanceOf(InvalidOptionError)
      })

    it('are refused at once: an id to cancel', async () => {
      const cancelled = at.bus().cancel(5 as unknown as string)
      expect(await rejection(cancelled)).to.be.instanceOf(InvalidOptionError)
    })
  })
}
