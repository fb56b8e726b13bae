import { expect } from 'chai'
import type { DeadLetter } from '../../src/index.js'
import { collect, payloads, publishAll, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

export function deadLetters(at: Connected): void {
  describe('dead letters', () => {
    it('come after `attempts` failures, with topic, payload, headers, subscription, attempts and error', async () => {
      const bus = at.bus()
      const letters = collect(bus.topic<DeadLetter>('$dead/w'))
      const watched = collect(bus.deadLetters())
      await bus.ready()
      const seen: number[] = []
      bus.topic('t', { name: 'w', attempts: 3, delay: 0 }).subscribe(message => {
        seen.push(message.attempt)
        throw new TypeError('never')
      })
      const before = Date.now()
      await bus.publish('t', { n: 1 }, { headers: { a: 'b' } })
      const [message] = await letters.first(1)
      expect(seen).to.deep.equal([1, 2, 3])
      for (const letter of [
        message?.payload,
        (await watched.first(1))[0],
        (await bus.deadLetters().list())[0],
      ]) {
        expect(letter).to.deep.include({ topic: 't', payload: { n: 1 }, subscription: 'w', attempts: 3 })
        expect({ ...letter?.headers }).to.deep.equal({ a: 'b' })
        expect(letter?.error).to.equal('TypeError: never')
        expect(letter?.id).to.be.a('string')
        expect(letter?.firstAt).to.be.within(before - 1, Date.now() + 1)
        expect(letter?.lastAt).to.be.within(letter?.firstAt ?? 0, Date.now() + 1)
      }
      await untilStatus(bus, 'w', { failed: 3, deadLettered: 1, pending: 0, inFlight: 0 })
    })

    it('come at once with reject(reason)', async () => {
      const bus = at.bus()
      const letters = collect(bus.topic<DeadLetter>(/^\$dead\//))
      bus.topic('t', { name: 'w' }).subscribe(message => message.reject(new RangeError('too far')))
      await bus.publish('t', 1)
      expect((await letters.first(1))[0]?.payload).to.include({
        attempts: 1,
        error: 'RangeError: too far',
        subscription: 'w',
      })
    })

    it('carry the id of their subscription if it has no name', async () => {
      const bus = at.bus()
      const letters = collect(bus.topic<DeadLetter>(/^\$dead\//))
      bus.topic('t').subscribe(message => message.reject('no'))
      await bus.publish('t', 1)
      const [message] = await letters.first(1)
      const { subscriptions } = await bus.status()
      const id = subscriptions.find(each => each.pattern === 't')?.id
      expect(message?.topic).to.equal(`$dead/${id ?? ''}`)
      expect(message?.payload.subscription).to.equal(id)
    })

    it('hold what nack() was: a refusal by the consumer', async () => {
      const bus = at.bus()
      bus.topic('t', { name: 'w', attempts: 1 }).subscribe(message => message.nack())
      await bus.publish('t', 1)
      await untilStatus(bus, 'w', { deadLettered: 1 })
      expect((await bus.deadLetters().list())[0]?.error).to.match(/nack/)
    })

    it('are listed, by subscription and id too', async () => {
      const bus = at.bus()
      for (const name of ['a', 'b']) bus.topic('t', { name }).subscribe(message => message.reject(name))
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'a', { deadLettered: 2 })
      await untilStatus(bus, 'b', { deadLettered: 2 })
      expect(await bus.deadLetters().list()).to.have.lengthOf(4)
      const ofA = await bus.deadLetters().list({ subscription: 'a' })
      expect(ofA.map(letter => [letter.subscription, letter.payload])).to.deep.equal([['a', 1], ['a', 2]]) // prettier-ignore
      const id = ofA[0]?.id ?? ''
      expect(await bus.deadLetters().list({ id })).to.have.lengthOf(2)
      expect(await bus.deadLetters().list({ id, subscription: 'b' })).to.have.lengthOf(1)
      expect(await bus.deadLetters().list({ subscription: 'c' })).to.deep.equal([])
    })

    it('are listed page by page, with or without their payloads', async () => {
      const bus = at.bus()
      bus.topic('t', { name: 'w' }).subscribe(message => message.reject('x'.repeat(20_000)))
      await publishAll(bus, 't', upTo(1_500))
      await untilStatus(bus, 'w', { deadLettered: 1_500 })
      const listed: DeadLetter[] = []
      let pages = 0
      for await (const page of bus.deadLetters().pages({ subscription: 'w' })) {
        expect(page.length).to.be.within(1, 1_000)
        listed.push(...page)
        pages += 1
      }
      expect(pages).to.be.greaterThan(1)
      expect(listed.map(({ payload }) => payload)).to.deep.equal(upTo(1_500))
      expect(await bus.deadLetters().list()).to.deep.equal(listed)
      const summaries = await bus.deadLetters().list({ subscription: 'w' }, { payloads: false })
      expect(summaries).to.deep.equal(listed.map(letter => ({ ...letter, payload: undefined })))
      for await (const page of bus.deadLetters().pages()) {
        await bus.deadLetters().purge({ id: page.at(-1)?.id ?? '' })
        pages -= 1
      }
      expect(pages, 'what is purged meanwhile stops no list').to.equal(0)
    })

    it('replay gives each to its subscription alone, with a fresh count, and takes it off the list', async () => {
      const bus = at.bus()
      let good = false
      const seen: [number, number, boolean][] = []
      bus.topic<number>('t', { name: 'w' }).subscribe(message => {
        seen.push([message.payload, message.attempt, message.redelivered])
        if (!good) message.reject('not yet')
      })
      const neighbour = collect(bus.topic('t'))
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { deadLettered: 2 })
      good = true
      expect(await bus.deadLetters().replay({ subscription: 'w' })).to.equal(2)
      await untilStatus(bus, 'w', { acked: 2 })
      expect(seen.slice(2)).to.deep.equal([[1, 1, false], [2, 1, false]]) // prettier-ignore
      expect(await bus.deadLetters().list()).to.deep.equal([])
      await bus.publish('t', 3)
      expect(payloads(await neighbour.first(3))).to.deep.equal([1, 2, 3])
      expect(await bus.deadLetters().replay()).to.equal(0)
    })

    it('stay listed when their subscription is gone at replay', async () => {
      const bus = at.bus()
      bus.topic('t', { name: 'w' }).subscribe(message => message.reject('no'))
      await bus.publish('t', 1)
      await untilStatus(bus, 'w', { deadLettered: 1 })
      await bus.unsubscribe('w')
      expect(await bus.deadLetters().replay()).to.equal(0)
      expect(await bus.deadLetters().list()).to.have.lengthOf(1)
    })

    it('are purged', async () => {
      const bus = at.bus()
      for (const name of ['a', 'b']) bus.topic('t', { name }).subscribe(message => message.reject(name))
      await publishAll(bus, 't', upTo(3))
      await untilStatus(bus, 'a', { deadLettered: 3 })
      await untilStatus(bus, 'b', { deadLettered: 3 })
      expect(await bus.deadLetters().purge({ subscription: 'a' })).to.equal(3)
      expect(await bus.deadLetters().list()).to.have.lengthOf(3)
      expect(await bus.deadLetters().purge()).to.equal(3)
      expect(await bus.deadLetters().list()).to.deep.equal([])
    })

    it("a dead letter's own failure makes no new one", async () => {
      const bus = at.bus()
      const all = collect(bus.topic<DeadLetter>(/^\$dead\//))
      bus
        .topic(/^\$dead\//, { name: 'undertaker', attempts: 1 })
        .subscribe(message => message.reject('me too'))
      bus.topic('t', { name: 'w' }).subscribe(message => message.reject('no'))
      await bus.publish('t', 1)
      await untilStatus(bus, 'undertaker', { deadLettered: 1 })
      await bus.publish('t', 2)
      await untilStatus(bus, 'undertaker', { deadLettered: 2 })
      expect((await all.first(2)).map(message => message.payload.payload)).to.deep.equal([1, 2])
      expect((await bus.deadLetters().list()).map(letter => letter.subscription)).to.deep.equal(['w', 'w'])
    })
  })
}
