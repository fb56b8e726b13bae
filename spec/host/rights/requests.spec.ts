import { expect } from 'chai'
import { reports, rejection } from '../../support/messages.js'
import { eventually } from '../../support/eventually.js'
import { GuardedHost } from '../../support/principals.js'

describe('requests of a principal', () => {
  let host: GuardedHost
  afterEach(() => host.close())

  const asker = { publish: ['prices\\..*'] }
  const responder = { subscribe: { allow: ['prices\\..*'], deny: ['prices\\.secret'] } }

  it('need the right `publish` for the topic', async () => {
    host = await GuardedHost.with({ ada: asker })
    const own = host.client(undefined).bus
    own.reply(/./, ({ topic }) => topic)
    await own.ready()
    const { bus } = host.client('ada')
    expect(await bus.request('prices.pens')).to.equal('prices.pens')
    expect(await rejection(bus.request('orders.all'))).to.include({ code: 'MSGVAN_FORBIDDEN' })
  })

  it('go to a responder that has the right `subscribe` for the topic, and to no other', async () => {
    host = await GuardedHost.with({ ada: responder, bob: asker })
    const own = host.client(undefined).bus
    const { bus } = host.client('ada')
    const seen: string[] = []
    bus.reply(/./, ({ topic }) => seen.push(topic))
    await bus.ready()
    await own.ready()
    await own.request('prices.pens')
    for (const topic of ['prices.secret', 'orders.all'])
      expect(await rejection(own.request(topic))).to.include({ code: 'MSGVAN_NO_RESPONDER' })
    expect(seen).to.deep.equal(['prices.pens'])
    const told = reports(bus)
    for (const pattern of ['orders.all', 'prices.secret']) bus.reply(pattern, () => 1)
    await bus.ready()
    await eventually(() =>
      expect(told.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_FORBIDDEN', 'MSGVAN_FORBIDDEN']),
    )
    bus.reply('prices.paper', () => 'paper')
    await bus.ready()
    expect(await own.request('prices.paper')).to.equal('paper')
    const other = host.client('bob').bus
    const denied = reports(other)
    other.reply(/./, () => 1)
    await other.ready()
    await eventually(() => expect(denied.values).to.have.length(1))
  })
})
