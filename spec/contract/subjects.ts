import { expect } from 'chai'
import { filter, map, retry, Subject, take } from 'rxjs'
import { BusSubject, InvalidPayloadError, InvalidTopicError } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, reports, thrown, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

export function subjects(at: Connected): void {
  describe('subject', () => {
    it('next() publishes, subscribe() listens, over all buses', async () => {
      const lamp = at.bus().subject<boolean>('home.lamp')
      const elsewhere = at.another().subject<boolean>('home.lamp')
      expect(lamp).to.be.instanceOf(Subject)
      expect(lamp).to.be.instanceOf(BusSubject)
      const [a, b, messages] = [collect(lamp), collect(elsewhere), collect(at.bus().topic('home.lamp'))]
      await at.bus().ready()
      await at.another().ready()
      lamp.next(true)
      await b.first(1)
      elsewhere.next(false)
      expect(await a.first(2)).to.deep.equal([true, false])
      expect(await b.first(2)).to.deep.equal([true, false])
      expect((await messages.first(2))[0]?.payload).to.equal(true)
    })

    it('takes operators, with take and filter', async () => {
      const bus = at.bus()
      const n$ = bus.subject<number>('n')
      const seen = collect(n$.pipe(filter(n => n > 1), map(n => n * 10), take(2))) // prettier-ignore
      await bus.ready()
      for (const n of [1, 2, 3, 4]) n$.next(n)
      await seen.completion()
      expect(seen.values).to.deep.equal([20, 30])
    })

    it('takes retry(): the failed one comes first again', async () => {
      const bus = at.bus()
      const n$ = bus.subject<number>('n')
      let failures = 0
      const seen = collect(
        n$.pipe(
          map(n => {
            if (n === 2 && failures < 2) {
              failures += 1
              throw new Error('again')
            }
            return n
          }),
          retry(),
        ),
      )
      await bus.ready()
      for (const n of [1, 2, 3]) n$.next(n)
      expect(await seen.first(3)).to.deep.equal([1, 2, 3])
      expect(failures).to.equal(2)
    })

    it('complete() ends it here, for those subscribed and those who come later, and does not cross', async () => {
      const bus = at.bus()
      const [here, there] = [bus.subject<number>('n'), bus.subject<number>('n')]
      const [a, b] = [collect(here), collect(there)]
      await bus.ready()
      here.complete()
      await a.completion()
      await collect(here).completion()
      here.next(1)
      there.next(2)
      expect(await b.first(1)).to.deep.equal([2])
      expect(b.completed).to.equal(false)
      expect(a.values).to.deep.equal([])
    })

    it('error() ends it here with that error', async () => {
      const bus = at.bus()
      const here = bus.subject<number>('n')
      const a = collect(here)
      here.error(new Error('done for'))
      expect(await a.failure()).to.include({ message: 'done for' })
      expect(await collect(here).failure()).to.include({ message: 'done for' })
    })

    it('can stand as an Observer', async () => {
      const bus = at.bus()
      const n$ = bus.subject<number>('n')
      const seen = collect(n$)
      bus
        .topic<number>('t')
        .pipe(map(message => message.payload))
        .subscribe(n$)
      await bus.ready()
      await bus.publish('t', 1)
      expect(await seen.first(1)).to.deep.equal([1])
    })

    it('asObservable() hides next()', async () => {
      const bus = at.bus()
      const n$ = bus.subject<number>('n')
      const seen = collect(n$.asObservable())
      await bus.ready()
      n$.next(1)
      expect(await seen.first(1)).to.deep.equal([1])
    })

    it('a publish that is refused goes to errors$', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.subject('n').next(() => 1)
      await eventually(() => expect(reported.values[0]).to.be.instanceOf(InvalidPayloadError))
    })

    it('a subscriber that throws fails the message, is reported once, and goes on', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const n$ = bus.subject<number>('n')
      const seen: number[] = []
      n$.subscribe(n => {
        seen.push(n)
        if (seen.length === 1) throw new Error('once')
      })
      await bus.ready()
      n$.next(7)
      await untilStatus(bus, 'n', { failed: 1, acked: 1 })
      expect(seen).to.deep.equal([7, 7])
      expect(reported.values).to.have.lengthOf(1)
    })

    it('is observed while it has subscribers, through operators too', () => {
      const n$ = at.bus().subject<number>('n')
      expect(n$.observed).to.equal(false)
      const first = n$.subscribe()
      const second = n$.pipe(map(n => n + 1)).subscribe()
      first.unsubscribe()
      expect(n$.observed).to.equal(true)
      second.unsubscribe()
      expect(n$.observed).to.equal(false)
      n$.asObservable().subscribe()
      expect(n$.observed).to.equal(true)
      n$.complete()
      expect(n$.observed).to.equal(false)
    })

    it("refuses a wrong topic and the system's, at once", () => {
      for (const topic of ['', '$dead/x']) {
        expect(thrown(() => at.bus().subject(topic))).to.be.instanceOf(InvalidTopicError)
      }
    })
  })
}
