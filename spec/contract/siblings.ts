import { expect } from 'chai'
import { finalize, Observable, Subject } from 'rxjs'
import { handleFirst, handleLatest, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, publishAll, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

/** Work that the spec ends, by the payload of its message. */
class Desk {
  readonly begun: string[] = []
  readonly cancelled: string[] = []
  readonly #open = new Map<string, Subject<string>>()

  readonly project = ({ payload, attempt }: Message): Observable<string> => {
    const name = attempt === 1 ? String(payload) : `${String(payload)}#${attempt}`
    this.begun.push(name)
    const work = new Subject<string>()
    this.#open.set(name, work)
    return work.pipe(
      finalize(() => {
        if (this.#open.delete(name)) this.cancelled.push(name)
      }),
    )
  }

  async until(name: string): Promise<void> {
    await eventually(() => expect(this.begun).to.include(name))
  }

  finish(name: string): void {
    const work = this.#take(name)
    work.next(name)
    work.complete()
  }

  fail(name: string): void {
    this.#take(name).error(new Error(name))
  }

  #take(name: string): Subject<string> {
    const work = this.#open.get(name)
    if (work === undefined) throw new Error(`no work on ${name}`)
    this.#open.delete(name)
    return work
  }
}

export function siblings(at: Connected): void {
  for (const ack of ['auto', 'manual'] as const) {
    describe(`handleLatest, ack: '${ack}'`, () => {
      it('cancels and acks work that a newer message supersedes', async () => {
        const bus = at.bus()
        const desk = new Desk()
        const seen = collect(bus.topic('t', { name: 'w', ack }).pipe(handleLatest(desk.project)))
        await publishAll(bus, 't', ['a', 'b', 'c'])
        await desk.until('c')
        expect(desk.begun).to.deep.equal(['a', 'b', 'c'])
        expect(desk.cancelled).to.deep.equal(['a', 'b'])
        await untilStatus(bus, 'w', { acked: 2, inFlight: 1, failed: 0 })
        desk.finish('c')
        await untilStatus(bus, 'w', { acked: 3, inFlight: 0, pending: 0, failed: 0 })
        expect(seen.values).to.deep.equal(['c'])
      })

      it('tries again what failed, unless a newer message came meanwhile', async () => {
        const bus = at.bus()
        const desk = new Desk()
        const topic$ = bus.topic('t', { name: 'w', ack })
        const seen = collect(topic$.pipe(handleLatest(desk.project, { delay: 20, attempts: 3 })))
        await bus.publish('t', 'a')
        await desk.until('a')
        desk.fail('a')
        await desk.until('a#2')
        desk.fail('a#2')
        await bus.publish('t', 'b')
        await desk.until('b')
        // It is acked when it comes again: the work on b goes on.
        await untilStatus(bus, 'w', { acked: 1, failed: 2, inFlight: 1, pending: 0 })
        desk.finish('b')
        await untilStatus(bus, 'w', { acked: 2, failed: 2, inFlight: 0 })
        expect(desk.begun).to.deep.equal(['a', 'a#2', 'b'])
        expect(seen.values).to.deep.equal(['b'])
      })

      it('gives back what runs when it is unsubscribed', async () => {
        const bus = at.bus()
        const desk = new Desk()
        const seen = collect(bus.topic('t', { name: 'w', ack }).pipe(handleLatest(desk.project)))
        await bus.publish('t', 'a')
        await desk.until('a')
        seen.unsubscribe()
        await untilStatus(bus, 'w', { acked: 0, failed: 0, inFlight: 0, pending: 1 })
        expect(desk.cancelled).to.deep.equal(['a'])
      })
    })

    describe(`handleFirst, ack: '${ack}'`, () => {
      it('acks messages that come while it is busy, and takes the next one after that', async () => {
        const bus = at.bus()
        const desk = new Desk()
        const seen = collect(bus.topic('t', { name: 'w', ack }).pipe(handleFirst(desk.project)))
        await publishAll(bus, 't', ['a', 'b', 'c'])
        await untilStatus(bus, 'w', { acked: 2, inFlight: 1 })
        desk.finish('a')
        await untilStatus(bus, 'w', { acked: 3, inFlight: 0 })
        await bus.publish('t', 'd')
        await desk.until('d')
        desk.finish('d')
        await untilStatus(bus, 'w', { acked: 4, inFlight: 0, pending: 0, failed: 0 })
        expect(desk.begun).to.deep.equal(['a', 'd'])
        expect(desk.cancelled).to.deep.equal([])
        expect(seen.values).to.deep.equal(['a', 'd'])
      })

      it('tries again what failed, and gives up after `attempts`', async () => {
        const bus = at.bus()
        const desk = new Desk()
        collect(bus.topic('t', { name: 'w', ack }).pipe(handleFirst(desk.project, { delay: 0, attempts: 2 })))
        await bus.publish('t', 'a')
        await desk.until('a')
        desk.fail('a')
        await desk.until('a#2')
        desk.fail('a#2')
        await untilStatus(bus, 'w', { failed: 2, deadLettered: 1, inFlight: 0 })
      })
    })
  }
}
