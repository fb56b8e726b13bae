import { expect } from 'chai'
import { statusLines } from '../../../src/cli/text/status-text.js'
import { allClients, clientsStatus, type ShownSession } from '../../../src/host/van/clients-status.js'
import type { Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { upTo } from '../../support/messages.js'
import { GuardedHost } from '../../support/principals.js'

const session = (client: string, unread: number, heldBytes = 0, answers = 0): ShownSession => ({
  ...{ client, access: undefined, address: '', pid: undefined, isConnected: true, consumers: [] },
  ...{ budget: { unread, answers }, heldBytes },
})

describe('the clients in a status', () => {
  it('are those with the most bytes, and the number of all', () => {
    const some = upTo(30).map(number => session(`c${number}`, number, number === 3 ? 100 : 0))
    const { total, largest } = clientsStatus(some, 'here')
    expect(total).to.equal(30)
    expect(largest.map(({ id }) => id)).to.deep.equal(['c3', ...upTo(19).map(number => `c${31 - number}`)])
    const others = clientsStatus([session('other', 1_000)], 'there')
    const all = allClients([{ total, largest }, undefined, others])
    expect(all?.total).to.equal(31)
    expect(all?.largest).to.have.length(20)
    expect(all?.largest[0]).to.include({ id: 'other', host: 'there' })
    expect(allClients([undefined])).to.equal(undefined)
  })

  describe('of a host with principals', () => {
    let host: GuardedHost
    afterEach(() => host.close())

    it('have their principal, subscriptions and bytes that wait, for those who may see it', async () => {
      const rights = { publish: ['.*'], subscribe: ['.*'], names: ['.*'] }
      host = await GuardedHost.with({ ada: rights, eve: { ...rights, admin: true } })
      const own = host.client(undefined).bus
      const ada = host.client('ada')
      ada.bus.topic('a').subscribe()
      await ada.bus.ready()
      const maker = own.topic('t', { name: 'full', maxPending: 1 }).subscribe()
      await own.ready()
      maker.unsubscribe()
      await eventually(async () => {
        const { subscriptions } = await own.status()
        expect(subscriptions.find(({ name }) => name === 'full')).to.include({ consumers: 0 })
      })
      await ada.bus.publish('t', 'x'.repeat(100))
      const held = upTo(2).map(() => ada.bus.publish('t', 'x'.repeat(1_000)))
      const hers = async (bus: Bus) =>
        (await bus.status()).clients?.largest.find(({ principal }) => principal === 'ada')
      await eventually(async () => {
        const status = await hers(own)
        expect(status).to.include({ connected: true, subscriptions: 1, host: 'spec' })
        expect(status?.heldBytes).to.be.greaterThan(2_000)
      })
      expect(await hers(host.client('eve').bus)).to.include({ subscriptions: 1 })
      expect((await ada.bus.status()).clients).to.equal(undefined)
      const lines = statusLines(await own.status())
      expect(lines.find(line => line.includes(' ada '))).to.match(/ ada +- +(::ffff:)?127\.0\.0\.1 +1 /)
      expect(lines.filter(line => /^and [12] more$/.test(line))).to.have.length(1)
      await own.unsubscribe('full')
      await Promise.all(held)
    })
  })
})
