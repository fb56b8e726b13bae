import { expect } from 'chai'
import { firstValueFrom, take } from 'rxjs'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { openMailbox } from '../../../src/host/actors/mailbox.js'
import type { Bus, Message } from '../../../src/index.js'
import { MAILBOX } from '../../../src/message/topic.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/rejection.js'

const GONE = 'Actor a has ended: it was stopped.'

/** One host after another over the same disk. */
class Place {
  readonly disk = new Disk()
  readonly #buses: Bus[] = []
  server!: HostServer
  /** Nothing is written any more after so many transactions from now on. */
  dieIn: (transactions: number) => void = () => undefined

  async start(port = 0): Promise<void> {
    const { store, die } = this.disk.mortal()
    let left = Infinity
    const counted = {
      ...store,
      transact: (collect: Parameters<typeof store.transact>[0]) => {
        if (left-- <= 0) die()
        return store.transact(collect)
      },
    }
    this.dieIn = transactions => {
      left = transactions
    }
    this.server = await startServer({ port, sessionTtl: 5_000, awaitsStore: true })
    this.server.openStore(new HostStore({ store: counted, warn: () => undefined }))
  }

  async startAgain(): Promise<void> {
    const { port } = this.server
    this.dieIn(0)
    await this.server.close()
    await this.start(port)
  }

  bus(): Bus {
    const { bus } = clientOf(this.server.port)
    bus.errors$.subscribe()
    this.#buses.push(bus)
    return bus
  }

  async end(): Promise<void> {
    await Promise.all(this.#buses.map(bus => bus.close({ drain: false })))
    await this.server.close()
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('a retired subscription, in a host with a store', () => {
  const places: Place[] = []
  const place = async (): Promise<Place> => {
    const one = new Place()
    places.push(one)
    await one.start()
    return one
  }
  const lettersOf = async (bus: Bus): Promise<number[]> =>
    (await bus.deadLetters().list()).map(({ payload }) => payload as number)
  const fill = async (bus: Bus, count: number): Promise<void> => {
    const registration = bus.topic('t', { name: 'n' }).subscribe()
    await bus.ready()
    registration.unsubscribe()
    await Promise.all(numbers(count).map(i => bus.publish('t', i)))
  }

  afterEach(async () => {
    await Promise.all(places.splice(0).map(each => each.end()))
  })

  it('has a dead letter for each message, those beyond the window in memory included', async () => {
    const one = await place()
    const bus = one.bus()
    await fill(bus, 3_500)
    await one.server.broker('default').retire('n', GONE)
    expect(await lettersOf(bus)).to.deep.equal(numbers(3_500))
    const [letter] = await bus.deadLetters().list({ subscription: 'n' })
    expect(letter).to.include({ error: `ActorStoppedError: ${GONE}`, attempts: 0 })
    // The name is free, and begins with nothing.
    const got: unknown[] = []
    bus.topic('other', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await bus.ready()
    await bus.publish('other', 'new')
    await eventually(() => expect(got).to.deep.equal(['new']))
  })

  for (const transactions of [0, 1, 2, 3, 4, 5]) {
    it(`has one for each after a death ${transactions} transactions later, and only one`, async () => {
      const one = await place()
      const bus = one.bus()
      await fill(bus, 3_500)
      one.dieIn(transactions)
      // What this process still does is in vain.
      await one.server.broker('default').retire('n', GONE)
      await one.startAgain()
      await bus.ready()
      if (transactions === 0) {
        // It is as if the end had never been.
        const status = (await bus.status()).subscriptions.find(({ name }) => name === 'n')
        expect(status).to.include({ pending: 3_500 })
        await one.server.broker('default').retire('n', GONE)
      }
      await eventually(async () => expect(await lettersOf(bus)).to.have.lengthOf(3_500), 15_000)
      expect(await lettersOf(bus)).to.have.members(numbers(3_500))
      await one.startAgain()
      await bus.ready()
      expect(await lettersOf(bus)).to.have.members(numbers(3_500))
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })
  }

  it('has one for each message that an attached consumer holds or that a former consumer failed, and none for an acked one', async () => {
    const one = await place()
    const bus = one.bus()
    await fill(bus, 10)
    const held: Message<number>[] = []
    const messages$ = bus.topic<number>('t', { name: 'n', ack: 'manual', prefetch: 2, attempts: 9 })
    messages$.pipe(take(2)).subscribe(message => held.push(message))
    await eventually(() => expect(held).to.have.lengthOf(2))
    messages$.subscribe(message => held.push(message))
    await eventually(() => expect(held).to.have.lengthOf(4))
    await one.server.broker('default').retire('n', GONE)
    expect(await lettersOf(bus)).to.deep.equal([2, 3, 4, 5, 6, 7, 8, 9])
    expect(held[2]?.ack()).to.equal(false)
    expect([held[0]?.ack(), held[1]?.nack()]).to.deep.equal([true, true])
    await eventually(async () => expect(await lettersOf(bus)).to.have.members([1, 2, 3, 4, 5, 6, 7, 8, 9]))
    await one.startAgain()
    await bus.ready()
    expect(await lettersOf(bus)).to.have.members([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('rejects each ask that waits for a reply', async () => {
    const one = await place()
    const bus = one.bus()
    openMailbox(one.server.broker('default'), 'a', 2)
    await bus.ready()
    const asked = numbers(1_500).map(i => rejection(firstValueFrom(bus.actors.ref('a').ask(i))))
    await eventually(async () => {
      const mailbox = (await bus.status()).subscriptions.find(({ name }) => name === `${MAILBOX}a`)
      expect(mailbox).to.include({ pending: 1_500 })
    })
    await one.server.broker('default').retire(`${MAILBOX}a`, GONE)
    const errors = await Promise.all(asked)
    expect(errors.map(error => (error as { code?: string }).code)).to.deep.equal(
      numbers(1_500).map(() => 'MSGVAN_ACTOR_STOPPED'),
    )
    expect(await lettersOf(bus)).to.deep.equal([])
  })
})
