import { expect } from 'chai'
import type { Dial } from '../../../src/client/connection/dial-socket.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { Bus } from '../../../src/index.js'
import { claiming } from '../../support/claiming.js'
import { identityOf } from '../../support/identity.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer, type Client } from '../../support/host-server.js'
import { collect, publishAll, untilStatus, upTo } from '../../support/messages.js'

describe('two clients with the same id', () => {
  let server: HostServer
  const clients: Client[] = []
  const client = (name?: string, dial?: Dial): Client => {
    const made = clientOf(server.port, {
      ...(name === undefined ? {} : { client: identityOf(name) }),
      ...(dial === undefined ? {} : { dial }),
    })
    clients.push(made)
    return made
  }

  beforeEach(async () => {
    server = await startServer({ sessionTtl: 50 })
  })

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ bus }) => bus.close({ drain: false })))
    await server.close()
  })

  it('the newest keeps the id; the other gets one error and goes on with a new id, and loses nothing', async () => {
    const first = client('twin').bus
    const told = collect(first.errors$)
    const seen = collect(first.topic<number>('t', { name: 'w', ack: 'manual' }))
    const unnamed = collect(first.topic('u'))
    await first.ready()
    const other = client().bus
    await publishAll(other, 't', upTo(3))
    await seen.first(3)
    const second = client('twin').bus
    await second.ready()
    const [why] = await told.first(1)
    expect(why).to.include({ code: 'MSGVAN_SESSION_LOST' })
    await first.publish('mine')
    await first.ready()
    // They come back, uncounted, and the old verdicts on them are refused.
    expect(seen.values.slice(0, 3).map(message => message.ack())).to.deep.equal([false, false, false])
    const again = (await seen.first(6)).slice(3)
    expect(again.map(({ payload, attempt, redelivered }) => [payload, attempt, redelivered])).to.deep.equal(
      upTo(3).map(n => [n, 1, true]),
    )
    for (const message of again) message.ack()
    await untilStatus(other, 'w', { acked: 3, failed: 0, pending: 0, inFlight: 0, consumers: 1 })
    await other.publish('u')
    await unnamed.first(1)
    await second.ready()
    expect(server.clients).to.equal(3)
    expect(told.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_SESSION_LOST', 'MSGVAN_GAP'])
  })

  it('a client that claims a session with frame numbers that do not fit gets a new session', async () => {
    const given: string[] = []
    const first = client(
      'twin',
      claiming(undefined, session => given.push(session)),
    ).bus
    const told = collect(first.errors$)
    await first.ready()
    await first.ready()
    // It has asked for more than the host has heard of the first: to the second alone, that session would seem to fit.
    const second = client(
      'twin',
      claiming(given[0], session => given.push(session)),
    ).bus
    const seen = collect(second.topic('t'))
    await Promise.all(upTo(5).map(() => second.ready()))
    await second.publish('t', 'here')
    await seen.first(1)
    expect((await told.first(1))[0]).to.include({ code: 'MSGVAN_SESSION_LOST' })
    expect(new Set(given.slice(0, 2))).to.have.lengthOf(2)
  })

  it('an impossible claim begins a new session, and the old one ends', async () => {
    const given: string[] = []
    const first = client(
      'twin',
      claiming(undefined, session => given.push(session)),
    ).bus
    const told = collect(first.errors$)
    await first.ready()
    const second = await new Promise<Bus>(resolve => {
      const made = client(
        'twin',
        claiming(given[0], () => resolve(made), { received: 1_000 }),
      ).bus
    })
    await second.close({ drain: false })
    expect((await told.first(1))[0]).to.include({ code: 'MSGVAN_SESSION_LOST' })
    await first.ready()
    await eventually(() => expect(server.clients).to.equal(1))
  })
})
