import { expect } from 'chai'
import { map, NEVER, of, repeat, retry, take, tap } from 'rxjs'
import { handle, type Bus, type Message } from '../../../../src/index.js'
import { HostStore } from '../../../../src/host/store/host-store.js'
import type { HostServer } from '../../../../src/host/listen/server.js'
import { Disk } from '../../../support/disk.js'
import { eventually } from '../../../support/eventually.js'
import { clientOf, startServer } from '../../../support/host-server.js'
import { Proxy } from '../../../support/proxy.js'
import { rejection } from '../../../support/rejection.js'

/** `3`, `3R` if redelivered, `3R#2` at its second attempt. */
function shown({ payload, redelivered, attempt }: Message<number>): string {
  return `${payload}${redelivered ? 'R' : ''}${attempt > 1 ? `#${attempt}` : ''}`
}

/** Whether the others are flagged depends on what the host had sent: the app saw none of them. */
const withoutFlag = (all: readonly string[]): string[] => all.map(each => each.replace('R', ''))

describe('verdicts that a client gave while its host with a store died', () => {
  let disk: Disk
  let server: HostServer
  let way: Proxy
  let die: () => void
  let worker: Bus
  let publisher: Bus
  let restarted: Promise<void>
  let seen: string[]

  const start = async (port = 0): Promise<void> => {
    const { store, die: kill } = disk.mortal()
    die = kill
    server = await startServer({ port, sessionTtl: 5_000, awaitsStore: true })
    server.openStore(new HostStore({ store, warn: () => undefined }))
  }
  /** As kill -9 does: from this moment on nothing is written, and nothing reaches the worker. */
  const crash = (): void => {
    const { port } = server
    die()
    way.cut()
    restarted = (async () => {
      await server.close()
      await start(port)
      way.mend()
    })()
  }
  const publish = (...payloads: number[]) => Promise.all(payloads.map(n => publisher.publish('t', n)))
  const subscription = async (name: string) =>
    (await publisher.status()).subscriptions.find(each => each.name === name)
  const register = async (name: string): Promise<void> => {
    publisher.topic('t', { name }).subscribe().unsubscribe()
    await publisher.ready()
  }

  beforeEach(async () => {
    disk = new Disk()
    seen = []
    restarted = Promise.resolve()
    await start()
    way = await Proxy.to(server.port)
    worker = clientOf(way.port).bus
    publisher = clientOf(server.port).bus
  })

  afterEach(async () => {
    await restarted
    await Promise.all([worker, publisher].map(each => each.close({ drain: false })))
    await way.close()
    await server.close()
  })

  it('hold when `retry()` joins the name again: the failed message is first, and nothing else comes again', async () => {
    await register('w')
    await publish(1, 2, 3, 4, 5, 6, 7, 8)
    worker
      .topic<number>('t', { name: 'w' })
      .pipe(
        tap(message => seen.push(shown(message))),
        map(({ payload, attempt }) => {
          if (payload !== 5 || attempt > 1) return payload
          crash()
          throw new Error('boom')
        }),
        retry(),
      )
      .subscribe()
    await eventually(() => expect(seen.at(-1)).to.match(/^8/))
    expect(seen.slice(0, 6)).to.deep.equal(['1', '2', '3', '4', '5', '5R#2'])
    expect(withoutFlag(seen.slice(6))).to.deep.equal(['6', '7', '8'])
    await eventually(async () => expect(await subscription('w')).to.include({ pending: 0, inFlight: 0 }))
  })

  it('hold when `retry()` goes on without a name: the failed message is first', async () => {
    worker
      .topic<number>('t')
      .pipe(
        tap(message => seen.push(shown(message))),
        map(({ payload, attempt }) => {
          if (payload !== 5 || attempt > 1) return payload
          crash()
          throw new Error('boom')
        }),
        retry(),
      )
      .subscribe()
    await worker.ready()
    await publish(1, 2, 3, 4, 5, 6, 7, 8)
    await eventually(() => expect(seen.at(-1)).to.match(/^8/))
    expect(seen.slice(0, 6)).to.deep.equal(['1', '2', '3', '4', '5', '5R#2'])
    expect(withoutFlag(seen.slice(6))).to.deep.equal(['6', '7', '8'])
  })

  it('hold when `retry({ delay })` joins the name long after the next host is there', async () => {
    await register('w')
    await publish(1, 2, 3, 4)
    worker
      .topic<number>('t', { name: 'w' })
      .pipe(
        tap(message => seen.push(shown(message))),
        map(({ payload, attempt }) => {
          if (payload !== 3 || attempt > 1) return payload
          crash()
          throw new Error('boom')
        }),
        retry({ delay: () => restarted.then(() => worker.ready()) }),
      )
      .subscribe()
    await eventually(() => expect(seen.at(-1)).to.match(/^4/))
    expect(withoutFlag(seen)).to.deep.equal(['1', '2', '3', '3#2', '4'])
  })

  it('hold when `repeat()` joins the name again', async () => {
    await register('w')
    await publish(1, 2, 3, 4, 5, 6, 7, 8)
    worker
      .topic<number>('t', { name: 'w' })
      .pipe(
        tap(message => seen.push(shown(message))),
        tap(({ payload }) => payload === 6 && crash()),
        take(3),
        repeat(),
      )
      .subscribe()
    await eventually(() => expect(seen.at(-1)).to.match(/^8/))
    expect(withoutFlag(seen)).to.deep.equal(['1', '2', '3', '4', '5', '6', '7', '8'])
  })

  it('hold when the next host dies as well before it wrote them down', async () => {
    await register('w')
    await publish(1, 2, 3)
    worker
      .topic<number>('t', { name: 'w' })
      .pipe(tap(message => seen.push(shown(message))))
      .subscribe(({ payload, redelivered }) => {
        if (payload === 3 && !redelivered && seen.length === 3) crash()
      })
    await eventually(() => expect(seen).to.have.lengthOf(3))
    await restarted
    // The subscription is there again, and its verdicts are in the memory of that host.
    await worker.ready()
    crash()
    await restarted
    await worker.ready()
    await publish(4)
    await eventually(() => expect(seen).to.include('4'))
    expect(seen).to.deep.equal(['1', '2', '3', '4'])
  })

  it('hold when the disk failed from before the verdict to the death of the host', async () => {
    await register('w')
    await publish(1, 2, 3)
    disk.isFull = true
    worker.topic<number>('t', { name: 'w' }).subscribe(message => seen.push(shown(message)))
    await eventually(() => expect(seen).to.have.lengthOf(3))
    // The host has tried to write the verdicts, and its answers have come.
    for (const payload of [4, 5]) {
      expect(await rejection(worker.publish('t', payload))).to.include({ code: 'MSGVAN_STORE' })
      await worker.status()
    }
    disk.isFull = false
    crash()
    await restarted
    await publish(6)
    // It may have been on its way to this bus when the two connected.
    await eventually(() => expect(seen.at(-1)).to.match(/^6R?$/))
    // The subscription has the refused messages too, in the memory of the host.
    expect(seen.filter(each => !/[456]/.test(each))).to.deep.equal(['1', '2', '3'])
  })

  it('the messages that an error took down beside the failed one come again with the flag', async () => {
    await register('w')
    await publish(1, 2, 3, 4)
    let isDown = false
    worker
      .topic<number>('t', { name: 'w' })
      .pipe(
        handle(
          message => {
            seen.push(shown(message))
            return message.redelivered || message.payload > 2 ? of(message.payload) : NEVER
          },
          { concurrency: 3 },
        ),
        tap(payload => {
          if (payload !== 3 || isDown) return
          isDown = true
          crash()
          throw new Error('boom')
        }),
        retry(),
      )
      .subscribe()
    await eventually(() => expect(seen.at(-1)).to.match(/^4/))
    expect(seen.slice(0, 3)).to.deep.equal(['1', '2', '3'])
    expect(seen.slice(3)).to.include.members(['1R', '2R'])
    expect(seen.filter(each => each === '1' || each === '2')).to.deep.equal(['1', '2'])
  })
})
