import { expect } from 'chai'
import { take } from 'rxjs'
import { collect, payloads, publishAll, register, topics, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

export function nesting(at: Connected): void {
  describe('publish inside a handler', () => {
    it('is queued behind the current message: every subscriber sees the same order', async () => {
      const bus = at.bus()
      const before = collect(bus.topic(/^[a-z]$/))
      const published: Promise<void>[] = []
      bus.topic('a').subscribe(() => {
        published.push(bus.publish('b'), bus.publish('c'))
      })
      bus.topic('b').subscribe(() => void published.push(bus.publish('d')))
      const after = collect(bus.topic(/^[a-z]$/))
      await bus.ready()
      await bus.publish('a')
      await before.first(4)
      expect(topics(await after.first(4))).to.deep.equal(topics(before.values))
      expect(topics(before.values)).to.deep.equal(['a', 'b', 'c', 'd'])
      await Promise.all(published)
    })

    it('is not handed out before the handler has returned', async () => {
      const bus = at.bus()
      const log: string[] = []
      let published: Promise<void> | undefined
      bus.topic('a').subscribe(() => {
        log.push('a begins')
        published = bus.publish('b')
        log.push('a ends')
      })
      const seen = collect(bus.topic('b'))
      bus.topic('b').subscribe(() => log.push('b'))
      await bus.publish('a')
      await seen.first(1)
      await untilStatus(bus, 'b', { acked: 1 })
      expect(log).to.deep.equal(['a begins', 'a ends', 'b'])
      await published
    })

    it('comes behind messages that already wait', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2, 3])
      const seen = collect(bus.topic<number>('t', { name: 'w' }))
      const outer = bus.topic('t').subscribe()
      let published: Promise<void> | undefined
      seen.subscription?.add(
        bus.topic<number>('t').subscribe(message => {
          if (message.payload === 4) published = bus.publish('t', 5)
        }),
      )
      await bus.publish('t', 4)
      expect(payloads(await seen.first(5))).to.deep.equal([1, 2, 3, 4, 5])
      await published
      outer.unsubscribe()
    })

    it('ends after 5 under take(5), also if it never stops', async () => {
      const bus = at.bus()
      let calls = 0
      const seen = collect(bus.topic<number>('t').pipe(take(5)))
      bus
        .topic<number>('t')
        .pipe(take(5))
        .subscribe(message => {
          calls += 1
          void bus.publish('t', message.payload + 1)
        })
      await bus.publish('t', 1)
      await seen.completion()
      expect(payloads(seen.values)).to.deep.equal([1, 2, 3, 4, 5])
      const marker = collect(bus.topic('marker'))
      await bus.publish('marker')
      await marker.first(1)
      expect(calls).to.equal(5)
    })

    it('goes 100,000 deep without a stack overflow', async () => {
      const bus = at.bus()
      const most = at.kind.name === 'embedded' ? 100_000 : 2_000
      let last = 0
      let published: Promise<void> | undefined
      bus.topic<number>('t').subscribe(message => {
        last = message.payload
        if (last < most) published = bus.publish('t', last + 1)
      })
      const end = collect(bus.topic<number>('t').pipe(take(most)))
      await bus.publish('t', 1)
      await end.completion()
      expect(last).to.equal(most)
      // In order: with the last one all were accepted.
      await published
    })
  })
}
