import { expect } from 'chai'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { AuthError, ForbiddenError } from '../../../src/index.js'
import { newPrincipalToken } from '../../../src/wire/principal-token.js'
import { eventually } from '../../support/eventually.js'
import { GuardedHost } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'

const all = { publish: ['.*'], subscribe: ['.*'] }

describe('the token of a principal', () => {
  let host: GuardedHost

  beforeEach(async () => {
    host = await GuardedHost.with({ ada: all, bob: { ...all, vans: ['other'] } })
  })

  afterEach(() => host.close())

  it('lets it in', async () => {
    const { bus } = host.client('ada')
    await bus.ready()
    await bus.publish('a', 1)
  })

  it('refuses another secret, and another name', async () => {
    const errors: string[] = []
    for (const token of [newPrincipalToken('ada'), newPrincipalToken('eve')]) {
      const { bus } = host.client(undefined, { secret: () => tokenCredential(token) })
      const error = await rejection(bus.ready())
      expect(error).to.be.instanceOf(AuthError)
      errors.push(error.message.replaceAll(/ada|eve/g, 'NAME'))
    }
    // Which names there are, it does not tell.
    expect(errors[0]).to.equal(errors[1])
  })

  it('lets it into its vans alone', async () => {
    const { bus } = host.client('bob')
    expect(await rejection(bus.ready())).to.be.instanceOf(ForbiddenError)
    const other = host.client('bob', { van: 'other' })
    await other.bus.ready()
  })

  it('is the only kind of token that a host with principals takes', async () => {
    const { bus } = host.client(undefined, { secret: () => tokenCredential('a token of all') })
    const error = await rejection(bus.ready())
    expect(error).to.be.instanceOf(AuthError)
    expect(error.message).to.contain('principals')
  })

  it("leaves everything to this machine's user", async () => {
    const { bus } = host.client(undefined)
    await bus.ready()
    await bus.publish('anything', 1)
  })

  it('ends its session within a second of its revocation', async () => {
    const { bus } = host.client('ada')
    const stays = host.client(undefined)
    await Promise.all([bus.ready(), stays.bus.ready()])
    expect(host.server.clients).to.equal(2)
    host.file.remove('ada')
    host.file.write()
    await eventually(() => expect(host.server.clients).to.equal(1))
    expect(await rejection(bus.publish('a', 1))).to.be.instanceOf(AuthError)
  })

  it('ends its session when it expires', async () => {
    await host.file.add('cy', all, new Date(Date.now() + 60_000))
    host.file.write()
    await eventually(() => expect(host.principals.get('cy')).not.to.equal(undefined))
    const { bus } = host.client('cy')
    await bus.ready()
    await host.file.add('cy', all, new Date(Date.now() - 1))
    host.file.write()
    await eventually(() => expect(host.server.clients).to.equal(0))
  })
})

describe('a file of principals that changes', () => {
  let host: GuardedHost

  beforeEach(async () => {
    host = await GuardedHost.with({ ada: { publish: ['a'] } })
  })

  afterEach(() => host.close())

  it('counts from then on, for those who are there, too', async () => {
    const { bus } = host.client('ada')
    await bus.publish('a', 1)
    expect(await rejection(bus.publish('b', 1))).to.be.instanceOf(ForbiddenError)
    await host.file.add('ada', { publish: ['b'] })
    host.file.write()
    await eventually(() => bus.publish('b', 1))
    expect(await rejection(bus.publish('a', 1))).to.be.instanceOf(ForbiddenError)
  })

  it('stays as it was when the new one is bad, and the line is logged', async () => {
    const { bus } = host.client('ada')
    await bus.publish('a', 1)
    host.file.write('{\n  "principals": {\n    "ada": { "publsh": ["b"] }\n  }\n}')
    await eventually(() => expect(host.logged.join('\n')).to.match(/stay as they were: .*line 3: .*publsh/))
    await bus.publish('a', 2)
  })
})
