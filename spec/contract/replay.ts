import { expect } from 'chai'
import { take } from 'rxjs'
import { OverflowError, UnsupportedError, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  topics,
  untilStatus,
  upTo,
} from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function replay(at: Connected): void {
  describe('replay', () => {
    itWith(at, 'keepsNothing', 'where nothing is kept, is told as a typed error', async () => {
      const seen = collect(at.bus().topic('t', { from: 'start' }))
      expect(await seen.failure())
        .to.be.instanceOf(UnsupportedError)
        .with.property('message')
        .that.matches(/--store/)
    })

    itWith(at, 'replays', 'from the start: what was kept, in order, then what comes', async () => {
      const bus = at.bus()
      await publishAll(bus, 't', upTo(2_500))
      await bus.publish('other', 0)
      const seen = collect(bus.topic(/^t/, { from: 'start' }))
      // Published while it replays: neither lost nor doubled at the seam.
      await publishAll(at.another(), 't', upTo(3_000).slice(2_500))
      expect(payloads(await seen.first(3_000))).to.deep.equal(upTo(3_000))
      await bus.publish('t', 'live')
      expect(payloads(await seen.first(3_001)).at(-1)).to.equal('live')
      expect(seen.values.some(({ redelivered }) => redelivered)).to.equal(false)
    })

    itWith(at, 'replays', 'of the last n that match', async () => {
      const bus = at.bus()
      await publishAll(bus, 't', upTo(20))
      await publishAll(bus, 'other', upTo(20))
      const seen = collect(bus.topic('t', { from: { last: 3 } }))
      const all = collect(bus.topic('t', { from: { last: 1_000 } }))
      await bus.ready()
      await bus.publish('t', 'live')
      expect(payloads(await seen.first(4))).to.deep.equal([18, 19, 20, 'live'])
      expect(payloads(await all.first(21))).to.deep.equal([...upTo(20), 'live'])
    })

    itWith(
      at,
      'replays',
      'of the newest message of each topic: a BehaviorSubject across processes',
      async () => {
        const bus = at.bus()
        await publishAll(bus, 'p.b', upTo(5))
        await publishAll(bus, 'p.a', upTo(7))
        await publishAll(bus, 'q', upTo(3))
        const seen = collect(at.another().topic(/^p/, { from: 'last' }))
        await at.another().ready()
        await bus.publish('p.b', 6)
        const three = await seen.first(3)
        expect(topics(three)).to.deep.equal(['p.b', 'p.a', 'p.b'])
        expect(payloads(three)).to.deep.equal([5, 7, 6])
        expect(three.map(({ redelivered }) => redelivered)).to.deep.equal([false, false, false])
      },
    )

    itWith(at, 'replays', 'from a place in the log, and from a time', async () => {
      const bus = at.bus()
      await publishAll(bus, 't', upTo(5))
      const { log } = await bus.status()
      expect(log).to.include({ first: 1, end: 6 })
      const first = collect(bus.topic<number>('t', { from: 'start' }).pipe(take(5)))
      const times = (await first.first(5)).map(({ timestamp }) => timestamp)
      const until = Math.max(...times) + 1
      while (Date.now() < until) await bus.ready()
      await publishAll(bus, 't', [6, 7])
      expect(payloads(await collect(bus.topic('t', { from: log?.end ?? 0 })).first(2))).to.deep.equal([6, 7])
      expect(payloads(await collect(bus.topic('t', { from: 4 })).first(4))).to.deep.equal([4, 5, 6, 7])
      expect(payloads(await collect(bus.topic('t', { from: new Date(until) })).first(2))).to.deep.equal([
        6, 7,
      ])
      expect(payloads(await collect(bus.topic('t', { from: new Date(0) })).first(7))).to.deep.equal(upTo(7))
    })

    itWith(at, 'replays', 'into a named subscription, once: it goes on where it is', async () => {
      const bus = at.bus()
      await publishAll(bus, 't', upTo(5))
      const first = collect(bus.topic('t', { name: 'n', from: 'start' }).pipe(take(2)))
      expect(payloads(await first.first(2))).to.deep.equal([1, 2])
      const second = collect(bus.topic('t', { name: 'n', from: 'start' }))
      expect(payloads(await second.first(3))).to.deep.equal([3, 4, 5])
      second.unsubscribe()
      await register(bus, 'late', 't')
      await bus.publish('t', 6)
      expect(payloads(await collect(bus.topic('t', { name: 'late', from: 'start' })).first(1))).to.deep.equal(
        [6],
      )
    })

    // More than is read of the log at once, too, and behind topics that nobody there wants.
    for (const old of [5, 1_200])
      for (const [overflow, kept] of [
        ['drop-newest', [1, 2]],
        ['drop-oldest', [3, 4]],
      ] as const)
        itWith(
          at,
          'replays',
          `of ${old} counts against no maxPending: '${overflow}' drops of what comes then`,
          async () => {
            const bus = at.bus()
            await publishAll(bus, 't.old', upTo(old))
            await publishAll(bus, 'other', upTo(3))
            const held: Message[] = []
            const rules = {
              name: 'n',
              from: 'start',
              ack: 'manual',
              prefetch: 1,
              ordered: true,
              maxPending: 2,
              overflow,
            } as const
            const seen: Message[] = []
            bus.topic(/^t/, rules).subscribe(message => {
              seen.push(message)
              if (held.push(message) > 1) message.ack()
            })
            await eventually(() => expect(seen).to.have.lengthOf(1))
            for (const n of upTo(4)) await bus.publish('t.new', n)
            await untilStatus(bus, 'n', { dropped: 2 })
            held[0]?.ack()
            await eventually(() => expect(seen).to.have.lengthOf(old + 2))
            await untilStatus(bus, 'n', { pending: 0, inFlight: 0, acked: old + 2 })
            await bus.publish('t.new', 5)
            await eventually(() => expect(seen.length).to.be.at.least(old + 3))
            expect(payloads(seen)).to.deep.equal([...upTo(old), ...kept, 5])
            expect(seen.some(({ redelivered }) => redelivered)).to.equal(false)
          },
        )

    itWith(
      at,
      'replays',
      "counts against no maxPending: 'error' refuses when what comes then fills it",
      async () => {
        const bus = at.bus()
        await publishAll(bus, 't', upTo(5))
        const seen: Message[] = []
        const rules = {
          name: 'n',
          from: 'start',
          ack: 'manual',
          prefetch: 1,
          maxPending: 2,
          overflow: 'error',
        } as const
        bus.topic('t', rules).subscribe(message => {
          if (seen.push(message) > 1) message.ack()
        })
        await eventually(() => expect(seen).to.have.lengthOf(1))
        await publishAll(bus, 't', [6, 7])
        expect(await rejection(bus.publish('t', 8))).to.be.instanceOf(OverflowError)
        seen[0]?.ack()
        await eventually(() => expect(payloads(seen)).to.deep.equal(upTo(7)))
      },
    )

    itWith(at, 'replays', 'left before it begins, leaves nothing behind', async () => {
      const bus = at.bus()
      await publishAll(bus, 't', upTo(10))
      for (const from of ['start', 'last', { last: 2 }] as const)
        bus.topic('t', { from }).subscribe().unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })
  })
}
