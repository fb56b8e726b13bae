import { expect } from 'chai'
import { filter, firstValueFrom } from 'rxjs'
import { WriteBufferWatch } from '../../../src/host/listen/write-buffer-watch.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { Bus } from '../../../src/index.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, register, untilStatus, upTo } from '../../support/messages.js'
import { eventually } from '../../support/eventually.js'
import { Proxy } from '../../support/proxy.js'

const megabyte = 1024 * 1024

describe('a connection that is not read', () => {
  let server: HostServer
  let proxy: Proxy
  const warnings: string[] = []
  const buses: Bus[] = []
  const bus = (port: number, options: Parameters<typeof clientOf>[1] = {}): Bus => {
    const made = clientOf(port, options).bus
    buses.push(made)
    return made
  }

  const start = async (heartbeat: number): Promise<void> => {
    warnings.length = 0
    server = await startServer({
      heartbeat,
      maxWaiting: 4 * megabyte,
      warn: text => warnings.push(text),
    })
    proxy = await Proxy.to(server.port)
  }

  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  it('is given up, others are not slowed, and its session resumes: all once, in order', async () => {
    await start(2_000)
    const slow = bus(proxy.port)
    const publisher = bus(server.port)
    const quick = collect(publisher.topic('t'))
    const late = collect(slow.topic('t', { prefetch: 1_000 }))
    await Promise.all([slow.ready(), publisher.ready()])
    proxy.silence()
    const payload = Buffer.alloc(256 * 1024, 1)
    for (let n = 1; n <= 60; n++) await publisher.publish('t', { n, payload })
    await quick.first(60)
    // Far more than may wait for it was published: the rest waits in the subscription, at no cost but its room.
    await eventually(async () => {
      const { subscriptions } = await publisher.status()
      expect(Math.max(...subscriptions.map(({ pending }) => pending))).to.be.above(20)
    })
    await firstValueFrom(slow.state$.pipe(filter(state => state === 'reconnecting')))
    const came = await late.first(60)
    expect(came.map(({ payload: p }) => (p as { n: number }).n)).to.deep.equal(upTo(60))
    expect(payloads(came)).to.have.lengthOf(60)
    await eventually(async () => {
      const { subscriptions, counters } = await publisher.status()
      expect(
        subscriptions.map(({ acked, redelivered, failed }) => ({ acked, redelivered, failed })),
      ).to.deep.equal([
        { acked: 60, redelivered: 0, failed: 0 },
        { acked: 60, redelivered: 0, failed: 0 },
      ])
      expect(counters.dropped).to.equal(0)
    })
  })

  it('gets no more than may wait for it', async () => {
    await start(10_000)
    const slow = bus(proxy.port)
    const publisher = bus(server.port)
    const late = collect(slow.topic('t', { name: 'slow', prefetch: 1_000 }))
    await Promise.all([slow.ready(), publisher.ready()])
    proxy.silence()
    const payload = Buffer.alloc(megabyte, 1)
    for (let n = 1; n <= 12; n++) await publisher.publish('t', { n, payload })
    // Without that limit the sixteen megabytes of credit would have been on their way at once.
    await untilStatus(publisher, 'slow', { delivered: 4, pending: 8 })
    proxy.cut()
    proxy.mend()
    const came = await late.first(12)
    expect(came.map(({ payload: p }) => (p as { n: number }).n)).to.deep.equal(upTo(12))
    await untilStatus(publisher, 'slow', { acked: 12, redelivered: 0, failed: 0 })
  })

  it('gets again at once what it failed, before all that came behind it', async () => {
    await start(10_000)
    const publisher = bus(server.port)
    await register(publisher, 'w', 't')
    const large = Buffer.alloc(3 * megabyte, 1)
    await publishAll(publisher, 't', [{ n: 1 }, { n: 2, large }, { n: 3, large }])
    const seen: string[] = []
    // Three messages in two frames: as the first one fails, the second frame is more than may wait for this client.
    bus(server.port)
      .topic<{ n: number }>('t', { name: 'w' })
      .subscribe(message => {
        seen.push(`${message.payload.n}/${message.attempt}`)
        if (message.payload.n === 1 && message.attempt < 3) message.nack({ delay: 0 })
      })
    await untilStatus(publisher, 'w', { acked: 3, failed: 2 })
    await eventually(() => expect(seen).to.deep.equal(['1/1', '1/2', '1/3', '2/1', '3/1']))
  })
})

describe('the watch over a write buffer', () => {
  it('reports one that stays over a megabyte, once, and not one that drains', async () => {
    let buffered = 2 * megabyte
    const stuck: number[] = []
    const watch = new WriteBufferWatch({
      buffered: () => buffered,
      patience: 40,
      stuck: now => stuck.push(now),
    })
    watch.wrote()
    await eventually(() => expect(stuck).to.deep.equal([2 * megabyte]))
    watch.wrote()
    buffered = megabyte
    // It looks again, finds that it drained, and stops: nothing may be left.
    await eventually(() =>
      expect(process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length).to.be.at.most(2),
    )
    buffered = 3 * megabyte
    watch.wrote()
    watch.stop()
    expect(stuck).to.deep.equal([2 * megabyte])
  })
})
