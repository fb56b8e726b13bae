import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { tokenCredential, type Credential } from '../../../src/client/connection/credential.js'
import type { TlsOptions } from '../../../src/client/connection/dial-socket.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { ForbiddenError, version, type Bus } from '../../../src/index.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { GuardedHost, type Rights } from '../../support/principals.js'
import { Rogue } from '../../support/rogue.js'
import { rejection } from '../../support/rejection.js'

describe('a host that joins as a principal', () => {
  let leader: GuardedHost
  let follower: HostServer
  let bus: Bus
  let lines: string[]

  async function start(rights: Rights): Promise<void> {
    leader = await GuardedHost.with({ home: rights }, { backbone: options => new Leader(options) })
    const token = leader.file.tokens.get('home') ?? ''
    await join(hostUrl(leader.server.port), () => tokenCredential(token))
  }

  async function join(url: string, credential: () => Promise<Credential>, tls?: TlsOptions): Promise<void> {
    lines = []
    follower = await startServer({
      hostStatus: () => ({
        ...{ id: 'home', pid: process.pid, version, port: 0, address: '', leader: false },
        ...{ capabilities: {}, uptimeMs: 0 },
      }),
      warn: line => void lines.push(line),
      backbone: options =>
        new Follower({
          ...options,
          leader: url,
          ...{ credential, tls },
          seat: 'home',
          maxPayload: 1_000_000,
        }),
    })
    bus = clientOf(follower.port).bus
  }

  afterEach(async () => {
    await bus.close({ drain: false })
    await follower.close()
    await leader.close()
  })

  it('works alone while it may not join, and joins as soon as it may', async () => {
    await start({ publish: ['.*'], subscribe: ['.*'] })
    await bus.ready()
    await eventually(() => expect(lines.join()).to.contain('cannot join the leader'))
    expect(lines.join()).to.contain('join')
    const { subscriptions } = await bus.status()
    expect(subscriptions).to.deep.equal([])
    const own: unknown[] = []
    bus.topic('a').subscribe(({ payload }) => own.push(payload))
    await bus.ready()
    await bus.publish('a', 1)
    await eventually(() => expect(own).to.deep.equal([1]))
    const there: unknown[] = []
    const beyond = leader.client(undefined).bus
    beyond.topic('a').subscribe(({ payload }) => there.push(payload))
    await beyond.ready()
    await leader.file.add('home', { publish: ['.*'], subscribe: ['.*'], join: true })
    leader.file.write()
    await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
    await bus.publish('a', 2)
    await eventually(() => expect(there).to.include(2))
    await beyond.publish('a', 3)
    await eventually(() => expect(own).to.include(3))
  })

  it('comes by a certificate of its own, until that is taken away', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'msgvan-joining-'))
    try {
      const { cert, key, pem } = await certificateFor(folder, ['127.0.0.2'])
      const identity = { cert: pem, key: await readFile(key, 'utf8') }
      leader = await GuardedHost.with(
        { other: {} },
        { backbone: options => new Leader(options), listen: '127.0.0.2', tls: identity },
      )
      const { fingerprint256: fingerprint } = new X509Certificate(await readFile(cert))
      const rights = { publish: ['.*'], subscribe: ['.*'], join: true }
      leader.file.give('home', [{ certificate: { fingerprint } }], rights)
      leader.file.write()
      await eventually(() => expect(leader.principals.get('home')).not.to.equal(undefined))
      const url = `https://127.0.0.2:${leader.server.port}`
      await join(url, () => Promise.resolve({ kind: 'certificate' }), { ...identity, ca: pem })
      await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
      const there: unknown[] = []
      const beyond = leader.client(undefined).bus
      beyond.topic('a').subscribe(({ payload }) => there.push(payload))
      await beyond.ready()
      await bus.publish('a', 1)
      await eventually(() => expect(there).to.deep.equal([1]))
      leader.file.remove('home')
      leader.file.write()
      await eventually(async () => expect((await bus.status()).hosts).to.have.length(1))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('has single messages refused, and others passed on', async () => {
    await start({ publish: ['ok'], subscribe: ['.*'], join: true })
    const there: unknown[] = []
    const beyond = leader.client(undefined).bus
    beyond.topic(/./).subscribe(({ payload }) => there.push(payload))
    await Promise.all([bus.ready(), beyond.ready()])
    await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
    const first = bus.publish('not', 1)
    const second = bus.publish('ok', 2)
    expect(await rejection(first)).to.be.instanceOf(ForbiddenError)
    await second
    await bus.publish('ok', 3)
    expect(there).to.deep.equal([2, 3])
  })

  it('takes no place of a host of another principal', async () => {
    await start({ publish: ['.*'], subscribe: ['.*'], join: true })
    await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
    await leader.file.add('eve', { publish: ['.*'], subscribe: ['.*'], join: true })
    leader.file.write()
    await eventually(() => expect(leader.principals.get('eve')).not.to.equal(undefined))
    const credential = await tokenCredential(leader.file.tokens.get('eve') ?? '')
    const eve = await Rogue.join({ url: hostUrl(leader.server.port), credential })
    eve.joinAsHost('home')
    await eventually(() => expect(eve.frames).to.have.length(1))
    expect(Buffer.from(eve.frames[0]?.bytes ?? []).toString()).to.contain('MSGVAN_FORBIDDEN')
    eve.close()
    expect((await bus.status()).hosts).to.have.length(2)
  })
})
