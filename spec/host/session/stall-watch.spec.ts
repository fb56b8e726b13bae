import { expect } from 'chai'
import { NEVER, Observable } from 'rxjs'
import { setTimeout as delay } from 'node:timers/promises'
import type { HostServer } from '../../../src/host/listen/server.js'
import { handle, type Bus, type Message } from '../../../src/index.js'
import { Claim } from '../../../src/message/claim.js'
import { Message as MessageClass } from '../../../src/message/message.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, publishAll, untilStatus, upTo } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

const STALL = 100

/** As `handle` would be if it lost its places: it claims what comes, and begins none of it. */
const standingStill = (source: Observable<Message>) =>
  new Observable<never>(subscriber => {
    const waiting: Message[] = []
    const places = {
      free: 1,
      get waiting() {
        return waiting.length
      },
    }
    subscriber.add(
      source.subscribe(message => {
        new Claim(message)
        MessageClass.settlerOf(message).worksIn?.(places)
        waiting.push(message)
      }),
    )
  })

describe('a consumer that stands still', () => {
  let server: HostServer
  let proxy: Proxy
  let warnings: string[]
  let bus: Bus
  let far: Bus

  beforeEach(async () => {
    warnings = []
    server = await startServer({ stallAfter: STALL, warn: text => warnings.push(text) })
    proxy = await Proxy.to(server.port)
    bus = clientOf(server.port).bus
    far = clientOf(proxy.port).bus
  })
  afterEach(async () => {
    await Promise.all([bus, far].map(each => each.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  it('though it has free places is named once, with the books of both sides', async () => {
    bus.topic('t', { name: 'stuck', prefetch: 2 }).pipe(standingStill).subscribe()
    await bus.ready()
    await publishAll(bus, 't', upTo(5))
    await eventually(() => expect(warnings).to.have.lengthOf(1))
    expect(warnings[0])
      .to.match(
        /^van default, the subscription stuck: its consumer \(client .*\) stands still for \d+ s: handle has free places/,
      )
      .and.contain('The host: 3 wait, 2 are in flight, it may not have more.')
      .and.contain('The consumer: 0 in its queue, 2 handed out, 2 of them wait in handle, 1 places free')
    await delay(5 * STALL)
    expect(warnings).to.have.lengthOf(1)
  })

  it('is found when it does not have what the host has handed to it', async () => {
    bus.topic('t', { name: 'lost', ack: 'manual' }).subscribe(message => MessageClass.tag(message, undefined))
    await bus.ready()
    await bus.publish('t')
    await eventually(() => expect(warnings).to.have.lengthOf(1))
    expect(warnings[0])
      .to.contain('it does not have the messages that were handed to it')
      .and.contain('1 are in flight')
  })

  it('is not one that works, does not settle, waits for a retry or its connection, or is between two tries', async () => {
    const settings = { delay: 60_000 }
    collect(bus.topic('t', { name: 'manual', ack: 'manual', prefetch: 2 }))
    bus
      .topic('t', { name: 'busy' })
      .pipe(handle(() => NEVER, { concurrency: 2 }))
      .subscribe()
    bus.topic('t', { name: 'retried', ack: 'manual', ...settings }).subscribe(message => message.nack())
    bus.topic('t', { name: 'ordered', ack: 'manual', ordered: true, ...settings }).subscribe(message => {
      message.nack()
    })
    far.topic('t', { name: 'cut off', ack: 'manual' }).subscribe()
    await Promise.all([bus.ready(), far.ready()])
    await publishAll(bus, 't', upTo(5))
    await untilStatus(bus, 'cut off', { inFlight: 5 })
    await untilStatus(bus, 'ordered', { pending: 5, failed: 1 })
    proxy.cut()
    // The control: this one is found, by looks that found nothing wrong with the others.
    bus.topic('t', { name: 'stuck' }).pipe(standingStill).subscribe()
    await bus.ready()
    await bus.publish('t', 6)
    await eventually(() => expect(warnings).to.have.lengthOf(1))
    await delay(3 * STALL)
    expect(warnings).to.have.lengthOf(1)
    expect(warnings[0]).to.contain('the subscription stuck')
  })
})
