import { expect } from 'chai'
import { map, pipe, repeat, retry, Subject, take, tap } from 'rxjs'
import { handle, type Bus } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, publishAll, register, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

export function ordering(at: Connected): void {
  describe('order', () => {
    it('lets others pass a message that failed, while it waits', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus.topic<number>('t', { name: 'w', delay: 5 }).subscribe(message => {
        seen.push(`${message.payload}/${message.attempt}`)
        if (message.payload === 1 && message.attempt === 1) message.nack()
      })
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { acked: 3 })
      expect(seen).to.deep.equal(['1/1', '2/1', '3/1', '1/2'])
    })

    it('holds for first deliveries while stock retry() comes back again and again', async () => {
      const bus = at.bus()
      const seen = new Set<number>()
      bus
        .topic<number>('t', { name: 'w', delay: 1 })
        .pipe(
          tap(({ payload }) => seen.add(payload)),
          map(message => {
            if (message.payload % 7 === 0 && message.attempt === 1) throw new Error('at first')
            return message
          }),
          retry(),
        )
        .subscribe()
      await bus.ready()
      for (let n = 1; n <= 400; n += 4) {
        await publishAll(at.another(), 't', [n, n + 1, n + 2, n + 3])
        if (n % 12 === 1) await new Promise(resolve => setTimeout(resolve, 1))
      }
      await untilStatus(bus, 'w', { acked: 400 })
      expect([...seen]).to.deep.equal(upTo(400))
    })

    it('flags what an ended pipe gives back when another consumer has later messages', async () => {
      const bus = at.bus()
      const other = at.another()
      const work = new Subject<number>()
      const ends = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(
          handle(() => work),
          take(1),
        ),
      )
      const seen: string[] = []
      other
        .topic<number>('t', { name: 'w' })
        .pipe(
          handle(({ payload, attempt, redelivered }) => {
            seen.push(`${payload}/${attempt}${redelivered ? 'r' : ''}`)
          }),
        )
        .subscribe()
      await Promise.all([bus.ready(), other.ready()])
      await publishAll(bus, 't', upTo(10))
      await untilStatus(bus, 'w', { acked: 5, inFlight: 5 })
      work.next(0)
      await ends.completion()
      await untilStatus(bus, 'w', { pending: 0, inFlight: 0 })
      const again = seen.slice(5)
      expect(again).to.have.lengthOf.at.least(4)
      expect(again.filter(each => !each.endsWith('/1r'))).to.deep.equal([])
    })

    it('holds for unflagged first attempts while the pipes of two consumers end and begin again', async () => {
      const buses = [at.bus(), at.another()]
      const late: string[] = []
      const seen = new Set<number>()
      buses.forEach((bus, who) => {
        let last = 0
        bus
          .topic<number>('t', { name: 'w', delay: 1 })
          .pipe(
            tap(({ payload, attempt, redelivered }) => {
              seen.add(payload)
              if (attempt > 1 || redelivered) return
              if (payload < last) late.push(`${who}: ${payload} after ${last}`)
              last = payload
              if (payload % 7 === 0) throw new Error('at first')
            }),
            who === 0 ? retry() : pipe(take(9), repeat(), retry()),
          )
          .subscribe()
      })
      await Promise.all(buses.map(bus => bus.ready()))
      for (let n = 0; n < 400; n += 20)
        await publishAll(
          buses[0] as Bus,
          't',
          upTo(20).map(each => n + each),
        )
      await eventually(() => expect(seen.size).to.equal(400))
      expect(late).to.deep.equal([])
    })

    it('calls keep theirs: a subscriber behind a publish does not get that message', async () => {
      const bus = at.bus()
      const published = bus.publish('t', 'before')
      const seen = collect(bus.topic('t'))
      await Promise.all([published, bus.ready()])
      await bus.publish('t', 'after')
      expect(payloads(await seen.first(1))).to.deep.equal(['after'])
    })

    it('makes them wait for it when ordered', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus.topic<number>('t', { name: 'w', delay: 5, ordered: true }).subscribe(message => {
        seen.push(`${message.payload}/${message.attempt}`)
        if (message.payload === 1 && message.attempt < 3) message.nack()
      })
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { acked: 3 })
      expect(seen).to.deep.equal(['1/1', '1/2', '1/3', '2/1', '3/1'])
    })

    it('ordered goes on after a dead letter', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus.topic<number>('t', { name: 'w', delay: 0, attempts: 2, ordered: true }).subscribe(message => {
        seen.push(`${message.payload}/${message.attempt}`)
        if (message.payload === 1) throw new Error('never')
      })
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { acked: 1, deadLettered: 1 })
      expect(seen).to.deep.equal(['1/1', '1/2', '2/1'])
    })

    it('ordered hands out one at a time, over all members', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(4))
      const options = { name: 'w', ordered: true, ack: 'manual' } as const
      const seen: number[] = []
      let open = 0
      const work = () =>
        bus.topic<number>('t', options).subscribe(message => {
          open += 1
          expect(open).to.equal(1)
          seen.push(message.payload)
          setImmediate(() => {
            open -= 1
            message.ack()
          })
        })
      await bus.unsubscribe('w')
      work()
      work()
      await publishAll(bus, 't', upTo(20))
      await untilStatus(bus, 'w', { acked: 20 })
      expect(seen).to.deep.equal(upTo(20))
    })

    it('gives several failed ones back in their order', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus.topic<number>('t', { name: 'w', delay: 0 }).subscribe(message => {
        seen.push(`${message.payload}/${message.attempt}`)
        if (message.payload <= 3 && message.attempt === 1) message.nack()
      })
      await publishAll(bus, 't', upTo(5))
      await untilStatus(bus, 'w', { acked: 5 })
      const again = seen.filter(each => each.endsWith('/2'))
      expect(again).to.deep.equal(['1/2', '2/2', '3/2'])
      expect(seen.filter(each => each.endsWith('/1'))).to.deep.equal(upTo(5).map(value => `${value}/1`))
    })

    it('keeps the order of what waited', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(300))
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(300))).to.deep.equal(upTo(300))
    })
  })
}
