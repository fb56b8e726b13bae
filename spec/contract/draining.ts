import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import {
  ClosedError,
  handle,
  InvalidTopicError,
  publishTo,
  type Bus,
  type Message,
  type MsgvanError,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  reports,
  untilStatus,
  upTo,
} from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

/** The platform tells of rejections that nobody handles by then, which fails the test. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Something that is done when it is told to be. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>(resolve => (open = resolve))
  return { opened, open }
}

export function draining(at: Connected): void {
  describe('publishing while the bus drains', () => {
    afterEach(turn)

    /** With one delivery of subscription `w` in hand. */
    const holding = async (bus: Bus) => {
      const held = firstValueFrom(bus.topic<number>('in', { name: 'w', ack: 'manual' }))
      await bus.publish('in', 1)
      return held
    }

    itWith(
      at,
      'severalBuses',
      'what handle results in is published still, and reaches the others',
      async () => {
        const [bus, other] = [at.bus(), at.another()]
        const out = collect(other.topic<number>('out'))
        await other.ready()
        const work = gate()
        const begun = gate()
        const results = collect(
          bus.topic<number>('in', { name: 'in', attempts: 2 }).pipe(
            handle(async message => {
              begun.open()
              await work.opened
              return message.payload * 10
            }),
            publishTo(bus, 'out'),
          ),
        )
        await bus.ready()
        await bus.publish('in', 1)
        await begun.opened
        const problems = reports(bus)
        const closing = bus.close()
        work.open()
        await closing
        expect(payloads(await out.first(1))).to.deep.equal([10])
        expect(results.values).to.deep.equal([10])
        expect(results.completed).to.equal(true)
        expect(problems.values).to.deep.equal([])
        const { subscriptions } = await other.status()
        expect(subscriptions.find(({ name }) => name === 'in')).to.include({
          acked: 1,
          failed: 0,
          pending: 0,
        })
      },
    )

    it('waits for the message inside whose handler close() is called, before anything is awaited there', async () => {
      const bus = at.bus()
      const ended: number[] = []
      let closing: Promise<void> | undefined
      const work = async ({ payload }: Message<number>): Promise<void> => {
        if (payload === 1) closing = bus.close()
        await new Promise(resolve => setTimeout(resolve, 20))
        ended.push(payload)
      }
      bus.topic<number>('t').pipe(handle(work)).subscribe()
      await bus.ready()
      await bus.publish('t', 1)
      await eventually(() => expect(closing).not.to.equal(undefined))
      await closing
      expect(ended).to.deep.equal([1])
    })

    it('a handler publishes on its own bus, and the message is delivered, if no other work is left', async () => {
      const bus = at.bus()
      const outs = collect(bus.topic<number>('out'))
      const message = await holding(bus)
      const closing = bus.close()
      const published = bus.publish('out', 2)
      message.ack()
      await Promise.all([closing, published])
      if (at.kind.name === 'embedded') expect(payloads(outs.values)).to.deep.equal([2])
    })

    it('passes while a delivery is in hand, and is refused after that, on errors$ too', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      const message = await holding(bus)
      const closing = bus.close()
      await bus.publish('out', 1)
      await bus.publish('out', 2)
      expect(problems.values).to.deep.equal([])
      expect(message.ack()).to.equal(true)
      const refused = bus.publish('out', 3)
      expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_CLOSED'])
      expect(await rejection(refused)).to.be.instanceOf(ClosedError)
      await closing
    })

    it('a timer that publishes faster than handle works does not keep the bus open', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      const handled: number[] = []
      const work = async ({ payload }: Message<number>): Promise<void> => {
        await new Promise(resolve => setTimeout(resolve, 10))
        handled.push(payload)
      }
      bus.topic<number>('t').pipe(handle(work)).subscribe()
      await bus.ready()
      let published = 0
      const refused: string[] = []
      const publish = () =>
        void bus
          .publish('t', (published += 1))
          .catch((error: unknown) => refused.push((error as MsgvanError).code))
      for (let n = 0; n < 20; n += 1) publish()
      const timer = setInterval(publish, 1)
      await eventually(() => expect(handled.length).to.be.greaterThan(0))
      const before = published
      await bus.close({ timeout: 5_000 })
      publish()
      clearInterval(timer)
      await turn()
      expect(handled.slice(0, before)).to.deep.equal(Array.from({ length: before }, (_, n) => n + 1))
      expect(new Set(refused)).to.deep.equal(new Set(['MSGVAN_CLOSED']))
      const texts = problems.values
        .filter(({ code }) => code === 'MSGVAN_DRAIN_TIMEOUT')
        .map(({ message }) => message.replace(/\d+/, 'N'))
      // A host keeps what it accepted, or has no subscriber for it.
      const left =
        'close() did not hand out N messages that were published while it waited: a timer or another source goes on publishing. Stop it before you close the bus.'
      expect(texts).to.deep.equal(at.kind.name === 'embedded' ? [left] : [])
    })

    it('an embedded bus finishes what its handlers publish after an await, step by step', async () => {
      const bus = at.bus()
      if (at.kind.name !== 'embedded') return // A host hands out nothing more to a bus that closes.
      const problems = reports(bus)
      const seen: string[] = []
      const step = (from: string, to: string) =>
        bus
          .topic<number>(from)
          .pipe(
            handle(async ({ payload }) => {
              await new Promise(resolve => setTimeout(resolve, 5))
              await bus.publish(to, payload)
              seen.push(`${from}${payload}`)
            }),
          )
          .subscribe()
      const topics = Array.from('abcdefgh')
      topics.forEach((from, at) => step(from, topics[at + 1] ?? 'end'))
      for (let n = 1; n <= 3; n += 1) void bus.publish('a', n)
      await bus.close()
      expect(seen.sort()).to.deep.equal(topics.flatMap(from => [1, 2, 3].map(n => `${from}${n}`)))
      expect(problems.values).to.deep.equal([])
    })

    for (const ordered of [false, true])
      it(`an embedded bus waits for retries, ${ordered ? 'in order' : 'in any order'}`, async () => {
        const bus = at.bus()
        if (at.kind.name !== 'embedded') return // A host with the name goes on without this bus.
        const problems = reports(bus)
        const done: number[] = []
        bus
          .topic<number>('a', { name: 'a', ordered, delay: 30 })
          .pipe(
            handle(({ payload, attempt }) => {
              if (payload === 0 && attempt < 3) throw new Error('not yet')
              done.push(payload)
            }),
          )
          .subscribe()
        for (let n = 0; n < 3; n += 1) void bus.publish('a', n)
        await bus.close()
        expect(done).to.have.members([0, 1, 2])
        if (ordered) expect(done).to.deep.equal([0, 1, 2])
        expect(problems.values).to.deep.equal([])
      })

    it('an embedded bus does not wait for a retry that is due after the timeout, and names it', async () => {
      const bus = at.bus()
      if (at.kind.name !== 'embedded') return
      const problems = reports(bus)
      const failed = gate()
      bus.topic('a', { name: 'a', delay: 3_600_000 }).subscribe(() => {
        failed.open()
        throw new Error('not yet')
      })
      void bus.publish('a', 1)
      await failed.opened
      await bus.close({ timeout: 60_000 })
      expect(problems.values.at(-1)?.message).to.contain('keeps no messages when its bus closes')
    })

    it('an embedded bus does not wait for a retry whose consumer has gone', async () => {
      const bus = at.bus()
      if (at.kind.name !== 'embedded') return
      const failed = gate()
      const consumers = [{ name: 'a' }, {}].map(named =>
        bus.topic('a', { ...named, delay: 20_000 }).subscribe(() => {
          failed.open()
          throw new Error('not yet')
        }),
      )
      void bus.publish('a', 1)
      await failed.opened
      const closed = bus.close({ timeout: 50_000 })
      for (const consumer of consumers) consumer.unsubscribe()
      await closed
    })

    it('a handler that goes on at its own topic after an await is finished, embedded', async () => {
      const bus = at.bus()
      if (at.kind.name !== 'embedded') return
      const problems = reports(bus)
      const seen: string[] = []
      const work = async ({ topic }: Message): Promise<void> => {
        await new Promise(resolve => setTimeout(resolve, 5))
        if (topic === 'jobs.first') await bus.publish('jobs.second')
        seen.push(topic)
      }
      bus
        .topic(/^jobs\./)
        .pipe(handle(work))
        .subscribe()
      void bus.publish('jobs.first')
      await bus.close()
      expect(seen).to.deep.equal(['jobs.first', 'jobs.second'])
      expect(problems.values).to.deep.equal([])
    })

    it('is refused at once with drain: false', async () => {
      const bus = at.bus()
      await holding(bus)
      const closing = bus.close({ drain: false })
      expect(await rejection(bus.publish('out'))).to.be.instanceOf(ClosedError)
      await closing
    })

    it('new subscriptions are refused at once', async () => {
      const bus = at.bus()
      const message = await holding(bus)
      const closing = bus.close()
      expect(await rejection(firstValueFrom(bus.topic('t')))).to.be.instanceOf(ClosedError)
      expect(await rejection(firstValueFrom(bus.topic('t', { name: 'x' })))).to.be.instanceOf(ClosedError)
      message.ack()
      await closing
    })

    itWith(at, 'severalBuses', 'a subscription that is not in force yet gets nothing more', async () => {
      const bus = at.bus()
      for (const name of ['w', 'x']) await register(bus, name, 't')
      await publishAll(bus, 't', upTo(20))
      const young = at.another()
      const problems = reports(young)
      const seen = [
        collect(young.topic('t', { name: 'w' })),
        collect(young.topic('t', { name: 'x' }).pipe(handle(() => new Promise(() => undefined)))),
        collect(young.topic('t')),
      ]
      const published = young.publish('t', 21)
      await young.close({ timeout: 5_000 })
      await published
      for (const { values, completed } of seen) {
        expect(values).to.deep.equal([])
        expect(completed).to.equal(true)
      }
      expect(problems.values).to.deep.equal([])
      for (const name of ['w', 'x'])
        await untilStatus(bus, name, { pending: 21, inFlight: 0, acked: 0, failed: 0, consumers: 0 })
    })

    it('endless publishes of others do not keep the bus from ending', async () => {
      const bus = at.bus()
      let count = 0
      bus.topic<number>('ping').subscribe(({ payload }) => {
        count += 1
        void bus.publish('ping', payload + 1)
      })
      await bus.ready()
      if (at.kind.name === 'embedded') return // There it would never return from publish(), closed or not.
      void bus.publish('ping', 1)
      const problems = reports(bus)
      await bus.close({ timeout: 5_000 })
      expect(count).to.be.greaterThan(0)
      expect(problems.values.filter(({ code }) => code === 'MSGVAN_DRAIN_TIMEOUT')).to.deep.equal([])
    })
  })

  describe('a publish that is refused', () => {
    afterEach(turn)

    it('does not end the process although its promise has no handler, and errors$ reports it', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      void bus.publish('')
      void bus.publish('t', () => undefined)
      bus.subject('t').next(() => undefined)
      void bus.actors.ref('nobody').tell(() => undefined)
      await turn()
      expect(problems.values.map(({ code }) => code)).to.deep.equal([
        'MSGVAN_INVALID_TOPIC',
        'MSGVAN_INVALID_PAYLOAD',
        'MSGVAN_INVALID_PAYLOAD',
        'MSGVAN_INVALID_PAYLOAD',
      ])
    })

    it('rejects its promise for a caller that awaits it', async () => {
      const bus = at.bus()
      expect(await rejection(bus.publish(''))).to.be.instanceOf(InvalidTopicError)
      await bus.close()
      expect(await rejection(bus.publish('t'))).to.be.instanceOf(ClosedError)
    })

    it('ends none by overflow either', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      bus.topic('t', { ack: 'manual', maxPending: 1, prefetch: 1, overflow: 'error' }).subscribe()
      await bus.ready()
      for (let n = 0; n < 5; n += 1) void bus.publish('t', n)
      expect((await problems.first(3)).map(({ code }) => code)).to.include('MSGVAN_OVERFLOW')
    })

    it('ends none after close', async () => {
      const bus = at.bus()
      const subject = bus.subject('t')
      await bus.close()
      void bus.publish('t')
      subject.next(1)
      void bus.actors.ref('nobody').tell(1)
      await turn()
    })

    it('does not go round, where errors$ is published', async () => {
      const bus = at.bus()
      let count = 0
      bus.errors$.subscribe(() => {
        count += 1
        void bus.publish('')
      })
      void bus.publish('')
      await turn()
      expect(count).to.equal(1)
    })
  })
}
