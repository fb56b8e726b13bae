import { expect } from 'chai'
import { filter, firstValueFrom, take } from 'rxjs'
import { StoreError } from '../../../src/errors.js'
import { NEVER } from 'rxjs'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { Retention } from '../../../src/host/store/log.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { dialSocket, type Dial } from '../../../src/client/connection/dial-socket.js'
import type { Bus, Message, MsgvanError } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/rejection.js'

const nothing = (): void => undefined

describe('a host with a store', () => {
  let disk: Disk
  let server: HostServer
  let die: () => void
  let open: Bus[]
  let troubles: string[]

  const start = async (port = 0, sessionTtl = 5_000): Promise<void> => {
    const { store, die: kill } = disk.mortal()
    die = kill
    server = await startServer({ port, sessionTtl, awaitsStore: true })
    server.openStore(new HostStore({ store, warn: text => troubles.push(text) }))
  }
  /** As kill -9 does: nothing is written any more; then another host over the same disk. */
  const crash = async (): Promise<void> => {
    const { port } = server
    die()
    await server.close()
    await start(port)
  }
  const bus = (options = {}): Bus => {
    const { bus } = clientOf(server.port, options)
    bus.errors$.subscribe(({ code }: MsgvanError) => troubles.push(code))
    open.push(bus)
    return bus
  }
  const subscription = async (of: Bus, name: string) =>
    (await of.status()).subscriptions.find(each => each.name === name)
  const named = async (of: Bus, name: string, pattern: RegExp | string): Promise<void> => {
    const registration = of.topic(pattern, { name }).subscribe()
    await of.ready()
    registration.unsubscribe()
    await of.ready()
  }

  beforeEach(async () => {
    disk = new Disk()
    open = []
    troubles = []
    await start()
  })
  afterEach(async () => {
    await Promise.all(open.map(each => each.close({ drain: false })))
    await server.close()
  })

  it('leaves no gap, after its death, in a bus that has nothing but its own letterbox', async () => {
    const exposing = bus()
    const ticks = exposing.expose('ticks', () => NEVER)
    const observing = bus()
    await exposing.ready()
    const ended = new Promise(resolve => observing.observe('ticks').subscribe({ error: resolve }))
    await eventually(async () =>
      expect((await observing.status()).subscriptions.map(({ pattern }) => pattern.slice(0, 7))).to.include(
        '$reply/',
      ),
    )
    const listening = bus()
    listening.topic('t').subscribe()
    await listening.ready()
    await crash()
    await Promise.all([exposing, observing, listening].map(each => each.ready()))
    ticks.unsubscribe()
    await ended
    expect(troubles).to.not.include('MSGVAN_GAP')
  })

  for (const name of ['work', undefined]) {
    it(`hands out nothing again that was settled while it was dead, ${name === undefined ? 'without a name' : 'with a name'}`, async () => {
      const worker = bus()
      const got: Message<number>[] = []
      const options = { ack: 'manual', delay: 0, ...(name === undefined ? {} : { name }) } as const
      worker.topic<number>('t', options).subscribe(message => got.push(message))
      const publisher = bus()
      await worker.ready()
      await Promise.all([1, 2, 3, 4, 5, 6].map(n => publisher.publish('t', n)))
      await eventually(() => expect(got).to.have.lengthOf(6))
      const { port } = server
      die()
      await server.close()
      const verdicts = [got[1]?.ack(), got[2]?.ack(), got[3]?.nack(), got[4]?.reject('no good')]
      expect(verdicts).to.deep.equal([true, true, true, true])
      // What it had sent to that host may have come before, and would be flagged.
      await firstValueFrom(publisher.state$.pipe(filter(state => state !== 'connected')))
      await start(port)
      // Before it knows of the death, it may send this one twice, flagged. The next one is certainly new.
      await publisher.publish('other', 0)
      await publisher.publish('t', 7)
      await eventually(() => expect(got.map(({ payload }) => payload)).to.include(7))
      const again = got.slice(6).map(({ payload, attempt, redelivered }) => [payload, attempt, redelivered])
      expect(again).to.have.deep.members([
        [1, 1, true],
        [4, 2, true],
        [6, 1, true],
        [7, 1, false],
      ])
      for (const message of got) message.ack()
      await eventually(async () => {
        const [{ inFlight, pending } = {}] = (await worker.status()).subscriptions
        expect({ inFlight, pending }).to.deep.equal({ inFlight: 0, pending: 0 })
      })
      const letters = await worker.deadLetters().list()
      expect(letters.map(({ payload, error }) => [payload, error])).to.deep.equal([[5, 'no good']])
    })
  }

  it('has verdicts for good when a bus is closed that gave them', async () => {
    const worker = bus()
    const done = new Promise<void>(resolve =>
      worker.topic('t', { name: 'work' }).subscribe(({ payload }) => {
        if (payload === 3) resolve()
      }),
    )
    await worker.ready()
    await Promise.all([1, 2, 3].map(n => worker.publish('t', n)))
    await done
    await worker.close()
    await crash()
    expect(await subscription(bus(), 'work')).to.include({ pending: 0, inFlight: 0 })
  })

  it('owes the pending messages of a named subscription after its death, in order', async () => {
    const first = bus()
    await named(first, 'work', /^jobs\./)
    for (let i = 1; i <= 10; i += 1) await first.publish(`jobs.${i % 2}`, i)
    await first.publish('other', 0)
    await crash()
    await first.ready()
    expect(await subscription(first, 'work')).to.include({ pending: 10, pattern: '/^jobs\\./' })
    await first.publish('jobs.1', 11)
    const got: unknown[] = []
    first.topic(/^jobs\./, { name: 'work' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
  })

  it('hands out nothing again that was settled, and again what was not', async () => {
    const first = bus()
    const got: Message[] = []
    first.topic<number>('t', { name: 'n', ack: 'manual' }).subscribe(message => got.push(message))
    await first.ready()
    for (let i = 1; i <= 5; i += 1) await first.publish('t', i)
    await eventually(() => expect(got).to.have.lengthOf(5))
    for (const at of [0, 1, 3]) got[at]?.ack()
    await eventually(async () => expect(await subscription(first, 'n')).to.include({ acked: 3, inFlight: 2 }))
    await first.publish('t', 6) // written together with what was settled before
    await crash()
    await eventually(() => expect(got).to.have.lengthOf(9))
    const again = got.slice(6)
    expect(again.map(({ payload, redelivered }) => [payload, redelivered])).to.deep.equal([
      [3, true],
      [5, true],
      [6, true],
    ])
  })

  it('replays a dead letter to the subscription without a name that it came from, and to no other', async () => {
    const first = bus()
    const passing = first.topic('other').subscribe()
    await first.ready()
    const got: unknown[] = []
    first.topic<number>('t', { ack: 'manual' }).subscribe(message => {
      got.push(message.payload)
      if (got.length > 1) message.ack()
      else message.reject('not now')
    })
    await first.publish('t', 1)
    await eventually(async () => expect(await first.deadLetters().list()).to.have.lengthOf(1))
    passing.unsubscribe()
    await first.ready()
    await crash()
    await first.ready()
    const astray: unknown[] = []
    first.topic('else').subscribe(({ payload }) => astray.push(payload))
    await first.ready()
    expect(await first.deadLetters().replay()).to.equal(1)
    await eventually(() => expect(got).to.deep.equal([1, 1]))
    expect(astray).to.deep.equal([])
  })

  it('does not say that it is ready while what was asked for is not on the disk', async () => {
    const first = bus()
    await first.ready()
    disk.isFull = true
    first.topic('t', { name: 'n' }).subscribe()
    expect(await rejection(first.ready())).to.include({ code: 'MSGVAN_STORE' })
    disk.isFull = false
    await eventually(() => first.ready())
    die()
    await first.close({ drain: false })
    await crash()
    expect(await subscription(bus(), 'n')).to.include({ pattern: 't', pending: 0 })
  })

  it('owes what comes after messages that a consumer saw and that could not be kept', async () => {
    const first = bus()
    const second = bus()
    const got: unknown[] = []
    const consumer = first.topic('t', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await Promise.all([first.ready(), second.ready()])
    disk.isFull = true
    await Promise.all([1, 2, 3].map(n => rejection(second.publish('t', n))))
    expect(got).to.deep.equal([1, 2, 3])
    disk.isFull = false
    await eventually(() => first.ready())
    consumer.unsubscribe()
    await first.ready()
    await crash()
    await second.publish('t', 4)
    await crash()
    first.topic('t', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.deep.equal([1, 2, 3, 4]))
  })

  it('counts nothing as waiting that went out, came back unseen, and could not be kept', async () => {
    const first = bus()
    const second = bus()
    const got: unknown[] = []
    first
      .topic('t', { name: 'n' })
      .pipe(take(1))
      .subscribe(({ payload }) => got.push(payload))
    await Promise.all([first.ready(), second.ready()])
    const { store } = disk
    const write = store.transact.bind(store)
    let goOn = nothing
    const gate = new Promise<void>(resolve => (goOn = resolve))
    store.transact = async collect => {
      collect({ append: nothing, put: nothing, remove: nothing, trim: nothing })
      await gate
      throw new StoreError('The disk does not write.')
    }
    const refused = [1, 2].map(n => rejection(second.publish('t', n)))
    await eventually(() => expect(got).to.deep.equal([1]))
    // Answers to clients wait for the disk.
    await eventually(async () => {
      const { subscriptions } = await server.broker('default').control.status()
      expect(subscriptions[0]).to.include({ name: 'n', pending: 1, acked: 1 })
    })
    goOn()
    await Promise.all(refused)
    store.transact = write
    await eventually(() => second.publish('else'))
    await crash()
    expect(await subscription(second, 'n')).to.include({ pending: 0, inFlight: 0 })
  })

  it('counts attempts on', async () => {
    const first = bus()
    const attempts: number[] = []
    first.topic('t', { name: 'n', ack: 'manual', delay: 0, attempts: 9 }).subscribe(message => {
      attempts.push(message.attempt)
      if (message.attempt !== 3 || attempts.length > 3)
        message.nack({ delay: message.attempt < 3 ? 0 : 60_000 })
    })
    await first.ready()
    await first.publish('t')
    await eventually(() => expect(attempts).to.deep.equal([1, 2, 3]))
    await first.publish('other')
    await crash()
    await eventually(() => expect(attempts).to.deep.equal([1, 2, 3, 3]))
  })

  it('keeps dead letters, and what became of them', async () => {
    const first = bus()
    first.topic('t', { name: 'n', ack: 'manual' }).subscribe(message => message.reject('no'))
    await first.ready()
    await first.publish('t', 'one')
    await first.publish('t', 'two')
    await eventually(async () => expect(await first.deadLetters().list()).to.have.lengthOf(2))
    await first.close()
    await crash()
    const second = bus()
    const letters = await second.deadLetters().list()
    expect(letters.map(({ payload, error, subscription }) => [payload, error, subscription])).to.deep.equal([
      ['one', 'no', 'n'],
      ['two', 'no', 'n'],
    ])
    await second.deadLetters().replay({ id: letters[0]?.id ?? '' })
    await second.deadLetters().purge({ id: letters[1]?.id ?? '' })
    await crash()
    expect(await second.deadLetters().list()).to.deep.equal([])
    const got: unknown[] = []
    second.topic('t', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.deep.equal(['one']))
    await eventually(async () =>
      expect(await subscription(second, 'n')).to.include({ pending: 0, inFlight: 0 }),
    )
    await second.publish('other')
    await crash()
    await eventually(async () =>
      expect(await subscription(second, 'n')).to.include({ pending: 0, consumers: 1 }),
    )
    expect(got).to.deep.equal(['one'])
  })

  it('forgets what was unsubscribed by name', async () => {
    const first = bus()
    await named(first, 'gone', 't')
    await first.publish('t', 1)
    await first.unsubscribe('gone')
    await crash()
    expect(await subscription(first, 'gone')).to.equal(undefined)
    expect([...disk.store.records('books')]).to.deep.equal([])
    expect([...disk.store.records('subscriptions')]).to.deep.equal([])
  })

  it('takes nothing over twice that a publisher sends again', async () => {
    const first = bus()
    await named(first, 'n', 't')
    const publishes = Array.from({ length: 100 }, (_, i) => first.publish('t', i))
    await publishes[0]
    await crash()
    await Promise.all(publishes)
    expect(await subscription(first, 'n')).to.include({ pending: 100 })
  })

  it('goes on where it was for a subscriber without a name that comes back, and says nothing of a gap', async () => {
    const first = bus()
    const got: unknown[] = []
    first.topic(/^t/).subscribe(({ payload }) => got.push(payload))
    await first.ready()
    await first.publish('t', 1)
    await eventually(() => expect(got).to.deep.equal([1]))
    const other = bus()
    await other.publish('else') // by now the verdict is written
    const { port } = server
    die()
    await server.close()
    // The other one publishes to the new host before the subscriber is back.
    await start(port)
    await other.publish('t', 2)
    await eventually(() => expect(got).to.include(2))
    expect(got.filter(each => each === 2)).to.have.lengthOf(1)
    expect(troubles).to.not.include('MSGVAN_GAP')
  })

  it('keeps what is owed to a client that is back, and has not asked for it by the time when others have lost theirs', async () => {
    let isHeld = false
    const release: (() => void)[] = []
    const dial: Dial = (url, listener, timeoutMs) => {
      const channel = dialSocket()(url, listener, timeoutMs)
      return {
        get isOpen() {
          return channel.isOpen
        },
        close: () => channel.close(),
        send: (event, value) => {
          const send = (): void => channel.send(event, value)
          if (isHeld && event === 'frame') release.push(send)
          else send()
        },
      }
    }
    const first = bus({ dial })
    const got: unknown[] = []
    first.topic(/^t/).subscribe(({ payload }) => got.push(payload))
    const gone = bus()
    gone.topic(/^gone/).subscribe()
    await Promise.all([first.ready(), gone.ready()])
    isHeld = true
    const { port } = server
    die()
    await server.close()
    await gone.close({ drain: false })
    await start(port, 2_000)
    const other = bus()
    await other.publish('t', 1)
    const patterns = async () => (await other.status()).subscriptions.map(({ pattern }) => pattern)
    expect(await patterns()).to.have.members(['/^t/', '/^gone/'])
    await eventually(async () => expect(await patterns()).to.deep.equal(['/^t/']))
    isHeld = false
    for (const send of release.splice(0)) send()
    await eventually(() => expect(got).to.deep.equal([1]))
    expect(troubles).to.not.include('MSGVAN_GAP')
  })

  it('ends what a client that is back wants no more', async () => {
    const first = bus()
    const subscription = first.topic(/^t/).subscribe()
    await first.ready()
    const { port } = server
    die()
    await server.close()
    subscription.unsubscribe()
    await start(port, 1_500)
    const other = bus()
    const patterns = async () => (await other.status()).subscriptions.map(({ pattern }) => pattern)
    expect(await patterns()).to.deep.equal(['/^t/'])
    await eventually(async () => expect(await patterns()).to.deep.equal([]))
  })

  it('has clients wait until what was kept is there', async () => {
    const first = bus()
    await named(first, 'n', 't')
    await first.publish('t', 1)
    const { port } = server
    die()
    await server.close()
    server = await startServer({ port, awaitsStore: true })
    const soon = first.publish('t', 2)
    const isEarly = await Promise.race([
      soon.then(() => true),
      new Promise(resolve => setTimeout(resolve, 100, false)),
    ])
    expect(isEarly).to.equal(false)
    server.openStore(new HostStore({ store: disk.mortal().store, warn: text => troubles.push(text) }))
    await soon
    expect(await subscription(first, 'n')).to.include({ pending: 2 })
  })

  it('reads a long queue from the store, with no more than a window in memory', async () => {
    const first = bus()
    await named(first, 'n', /^t/)
    const count = 5_000
    const publish = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, i) => first.publish(`t${i % 3}`, from + i)))
    await publish(0, count)
    await first.publish('else', 'not wanted')
    const got: unknown[] = []
    const reading = first.topic(/^t/, { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await publish(count, count + 1_000)
    await eventually(() => expect(got).to.have.lengthOf(count + 1_000))
    expect(got).to.deep.equal(Array.from({ length: count + 1_000 }, (_, i) => i))
    reading.unsubscribe()
  })

  it('does not owe a message that it could not write: it refuses the publish, and keeps no copy', async () => {
    const first = bus()
    await named(first, 'n', /^t/)
    await first.publish('t', 'before')
    disk.isFull = true
    // More than a window: some in memory, some to be read from the disk.
    const refused = Array.from({ length: 2_500 }, (_, i) => rejection(first.publish(`t${i % 3}`, i)))
    for (const error of await Promise.all(refused)) expect(error).to.include({ code: 'MSGVAN_STORE' })
    await eventually(async () => expect(await subscription(first, 'n')).to.include({ pending: 1 }))
    disk.isFull = false
    await eventually(() => first.publish('t', 'after'))
    expect(await subscription(first, 'n')).to.include({ pending: 2 })
    await crash()
    const got: unknown[] = []
    const second = bus()
    const reading = second.topic(/^t/, { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await second.publish('t', 'last')
    await eventually(async () => expect(await subscription(second, 'n')).to.include({ pending: 0, acked: 3 }))
    expect(got).to.deep.equal(['before', 'after', 'last'])
    reading.unsubscribe()
  })

  const retaining = async (retention: Retention): Promise<HostStore> => {
    await server.close()
    const { store } = disk.mortal()
    const keep = new HostStore({ store, warn: text => troubles.push(text), retention })
    server = await startServer()
    server.openStore(keep)
    return keep
  }

  it('trims what is older than is to be kept, also in a quiet van', async () => {
    const keep = await retaining({ age: 50, bytes: Infinity })
    const first = bus()
    await named(first, 'n', 'wanted')
    await first.publish('unwanted', 1)
    await first.publish('wanted', 2)
    await first.publish('unwanted', 3)
    await eventually(() => {
      // As it does once a minute.
      keep.van('default').tidy()
      expect([...disk.store.scan(1, 0)][0]?.first).to.equal(2)
    })
    await first.unsubscribe('n')
    await eventually(() => {
      keep.van('default').tidy()
      expect([...disk.store.scan(1, 0)]).to.deep.equal([])
    })
    expect((await first.status()).log).to.deep.equal({ first: 4, end: 4, bytes: 0 })
  })

  it('keeps for replay as many bytes as it is to, the newest', async () => {
    const bytes = 300_000
    await retaining({ age: Infinity, bytes })
    const first = bus()
    for (let i = 0; i < 20; i += 1) await first.publish('t', Buffer.alloc(100_000))
    const log = await eventually(async () => {
      await first.publish('t', 'more')
      const { log } = await first.status()
      expect(log?.bytes).to.be.at.most(bytes)
      return log
    })
    expect(log?.first).to.be.greaterThan(15)
    expect(log?.bytes).to.be.greaterThan(bytes / 2)
    const got: unknown[] = []
    first.topic('t', { from: 'start' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.have.lengthOf((log?.end ?? 0) - (log?.first ?? 0)))
  })

  it('owes a replay after its death, also when newer messages were thrown away meanwhile', async () => {
    const publisher = bus()
    await named(publisher, 'keeps', 't')
    for (let n = 1; n <= 30; n += 1) await publisher.publish('t', n)
    const first = bus()
    const rules = { name: 'late', from: 'start', overflow: 'drop-oldest', maxPending: 3 } as const
    const held = first.topic('t', { ...rules, ack: 'manual', prefetch: 1 }).subscribe()
    await first.ready()
    for (let n = 31; n <= 40; n += 1) await publisher.publish('t', n)
    await eventually(async () => expect(await subscription(first, 'late')).to.include({ dropped: 7 }))
    await crash()
    held.unsubscribe()
    const got: unknown[] = []
    first.topic('t', rules).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got.at(-1)).to.equal(40))
    const wanted = [...Array.from({ length: 30 }, (_, at) => at + 1), 38, 39, 40]
    expect(got).to.deep.equal(wanted)
  })

  it('throws the oldest away after a death, too, where that one waits behind a replay', async () => {
    const publisher = bus()
    await named(publisher, 'keeps', 't')
    for (let n = 1; n <= 30; n += 1) await publisher.publish('t', n)
    const first = bus()
    const rules = { name: 'late', from: 'start', overflow: 'drop-oldest', maxPending: 3 } as const
    const held = first.topic('t', { ...rules, ack: 'manual', prefetch: 1 }).subscribe()
    await first.ready()
    await publisher.publish('t', 31)
    await crash()
    await first.ready()
    for (let n = 32; n <= 40; n += 1) await publisher.publish('t', n)
    await eventually(async () => expect(await subscription(first, 'late')).to.include({ dropped: 7 }))
    await crash()
    held.unsubscribe()
    const got: unknown[] = []
    first.topic('t', rules).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got.at(-1)).to.equal(40))
    expect(got).to.deep.equal([...Array.from({ length: 30 }, (_, at) => at + 1), 38, 39, 40])
  })

  it('trims messages that no subscription is owed any more, and nothing else', async () => {
    await retaining({ age: Infinity, bytes: 0 })
    const first = bus()
    await named(first, 'n', 'wanted')
    await first.publish('unwanted', 1)
    await first.publish('wanted', 2)
    await first.publish('unwanted', 3)
    await eventually(async () => {
      await first.publish('unwanted', 0)
      expect([...disk.store.scan(1, 0)][0]?.first).to.equal(2)
    })
    expect(await subscription(first, 'n')).to.include({ pending: 1 })
  })

  it('says of a replay without a name, too, that the disk does not take it', async () => {
    const first = bus()
    await first.publish('t', 1)
    const { store } = disk
    const write = store.transact.bind(store)
    store.transact = () => Promise.reject(new Error('no room'))
    const seen: unknown[] = []
    first.topic('t').subscribe()
    // Without a replay there is nothing that the next host would owe it.
    await first.ready()
    first.topic('t', { from: 'start' }).subscribe(({ payload }) => seen.push(payload))
    expect(await rejection(first.ready())).to.include({ code: 'MSGVAN_STORE' })
    await eventually(() => expect(seen).to.deep.equal([1]))
    store.transact = write
    await eventually(() => first.ready())
  })

  it('refuses publishes while the disk is full, goes on with all else, and takes them again', async () => {
    const first = bus()
    await named(first, 'n', 't')
    await first.publish('t', 1)
    const { store } = disk
    const write = store.transact.bind(store)
    store.transact = () => Promise.reject(new Error('no room'))
    expect(await rejection(first.publish('t', 2))).to.be.an('error')
    const got: unknown[] = []
    first.topic('t', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got[0]).to.equal(1))
    store.transact = write
    await eventually(() => first.publish('t', 3))
    await eventually(() => expect(got).to.include(3))
  })
})
