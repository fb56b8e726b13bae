import { expect } from 'chai'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { Principals } from '../../../src/host/rights/principals.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { AuthError, type Bus, type Message, type TopicOptions } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, untilStatus } from '../../support/messages.js'
import { handOver } from '../../support/hand-over.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { GuardedHost, PrincipalsFile } from '../../support/principals.js'

/** The topics that come, in order. */
function topicsOf(bus: Bus, pattern: RegExp | string, options: TopicOptions = {}): string[] {
  const topics: string[] = []
  bus.topic(pattern, options).subscribe(({ topic }: Message) => topics.push(topic))
  return topics
}

const work = { name: 'work' } as const
const names = ['.*']
const some = { subscribe: { allow: ['a\\..*', 'end'], deny: ['a\\.secret'] }, names }
const all = { subscribe: ['.*'], names }
const TOPICS = ['a.1', 'b.1', 'a.secret', 'a.2', 'end']
const SEEN = ['a.1', 'a.2', 'end']

describe('the hand-over of a host with principals', () => {
  let host: GuardedHost
  let own: Bus

  async function start(): Promise<void> {
    host = await GuardedHost.with({ ada: some, bob: all })
    own = host.client(undefined).bus
    await own.ready()
  }

  async function publishAll(topics: readonly string[]): Promise<void> {
    for (const topic of topics) await own.publish(topic, topic)
  }

  afterEach(() => host.close())

  it('goes on with their sessions, rights and names', async () => {
    await start()
    const ada = host.client('ada').bus
    const errors = collect(ada.errors$)
    const seen = topicsOf(ada, /./)
    const named = topicsOf(ada, /./, work)
    own.topic(/./, { name: 'all' }).subscribe().unsubscribe()
    await own.ready()
    const ofAll = topicsOf(ada, /./, { name: 'all' })
    await ada.ready()
    await publishAll(['a.1', 'b.1'])
    await eventually(() => expect([seen, named, ofAll]).to.deep.equal([['a.1'], ['a.1'], ['a.1']]))
    const { trouble, sessions } = await host.handOver()
    expect(trouble).to.deep.equal([])
    expect(sessions).to.equal(2)
    await publishAll(TOPICS)
    for (const each of [seen, named, ofAll])
      await eventually(() => expect(each).to.deep.equal(['a.1', ...SEEN]))
    expect(errors.values).to.deep.equal([])
  })

  it('keeps the rights of a maker for a name without a consumer', async () => {
    await start()
    const ada = host.client('ada').bus
    const maker = ada.topic(/./, work).subscribe()
    await ada.ready()
    maker.unsubscribe()
    await untilStatus(own, 'work', { consumers: 0 })
    await publishAll(['a.1', 'b.1'])
    await host.handOver()
    await publishAll(TOPICS)
    const others = topicsOf(own, /./, work)
    await eventually(() => expect(others).to.deep.equal(['a.1', ...SEEN]))
  })

  it('goes by the rights that the next host reads', async () => {
    await start()
    const ada = host.client('ada').bus
    const seen = topicsOf(ada, /./)
    await ada.ready()
    await host.handOver('spec', async () => {
      await host.file.add('ada', { subscribe: ['b\\..*', 'end'], names })
      host.file.write()
    })
    await publishAll(TOPICS)
    await eventually(() => expect(seen).to.deep.equal(['b.1', 'end']))
  })

  for (const [what, change] of [
    ['is gone', (): void => host.file.remove('ada')],
    ['may not enter the van any more', () => host.file.add('ada', { ...some, vans: [] })],
    ['has another token', () => host.file.add('ada', { ...some, credentials: [] })],
  ] as const)
    it(`lets a principal in no more that ${what}, and others get its messages`, async () => {
      await start()
      const ada = host.client('ada').bus
      const held: Message[] = []
      const shared = { name: 'shared', ack: 'manual', prefetch: 1 } as const
      own.topic(/./, { name: 'shared' }).subscribe().unsubscribe()
      await own.ready()
      ada.topic(/./, shared).subscribe(message => void held.push(message))
      await ada.ready()
      await publishAll(['a.1', 'a.2'])
      await eventually(() => expect(held).to.have.length(1))
      const refused = new Promise(resolve => ada.errors$.subscribe(resolve))
      await host.handOver('spec', async () => {
        await change()
        host.file.write()
      })
      expect(await refused)
        .to.have.property('code')
        .that.is.oneOf(['MSGVAN_AUTH', 'MSGVAN_FORBIDDEN'])
      const others = collect(host.client('bob').bus.topic(/./, { name: 'shared' }))
      expect(payloads(await others.first(2))).to.have.members(['a.1', 'a.2'])
      const flags = others.values.map(({ topic, redelivered }) => [topic, redelivered])
      expect(flags).to.have.deep.members([
        ['a.1', true],
        ['a.2', false],
      ])
      expect(held).to.have.length(1)
    })
})

describe('the hand-over of a host with a token to one with principals', () => {
  it('goes on with this user, and with nobody who came in by the token', async () => {
    const file = await PrincipalsFile.of({ ada: some })
    const principals = await Principals.open(file.file, { warn: () => undefined, info: () => undefined })
    const token = 'the token of a host, long enough'
    const before = await startServer({ token })
    const { port } = before
    let server = before
    const own = clientOf(port).bus
    const other = clientOf(port, { secret: () => tokenCredential(token) }).bus
    const seen = topicsOf(own, 'a.1')
    const held = collect(other.topic('a.1', { ...work, ack: 'manual' }))
    await Promise.all([own.ready(), other.ready()])
    await own.publish('a.1', 1)
    await held.first(1)
    const refused = new Promise(resolve => other.errors$.subscribe(resolve))
    const { sessions } = await handOver(before, 'spec', async () => {
      server = await startServer({ port, principals, awaitsServices: true })
      return server
    })
    expect(sessions).to.equal(1)
    expect(await refused).to.be.instanceOf(AuthError)
    const others = collect(own.topic('a.1', work))
    expect(payloads(await others.first(1))).to.deep.equal([1])
    expect(seen).to.deep.equal(['a.1'])
    for (const bus of [own, other]) await bus.close({ drain: false })
    principals.close()
    await server.close()
    file.clean()
  })
})

describe('the restart of a host with principals and a store', () => {
  let host: GuardedHost
  afterEach(() => host.close())

  it('keeps the rights of makers, and those of replays, and lets nobody in who is gone', async () => {
    const disk = new Disk()
    host = await GuardedHost.with({ ada: some, bob: all }, { awaitsStore: true })
    const open = (): void =>
      host.server.openStore(new HostStore({ store: disk.mortal().store, warn: () => undefined }))
    open()
    const own = host.client(undefined).bus
    const publishAll = async (): Promise<void> => {
      for (const topic of TOPICS) await own.publish(topic, topic)
    }
    const [ada, bob] = [host.client('ada').bus, host.client('bob').bus]
    for (const bus of [ada, bob]) {
      const maker = bus.topic(/./, { name: bus === ada ? 'hers' : 'his' }).subscribe()
      await bus.ready()
      maker.unsubscribe()
      await untilStatus(own, bus === ada ? 'hers' : 'his', { consumers: 0 })
    }
    const replay = topicsOf(ada, /./, { from: 0 })
    await ada.ready()
    await host.restart()
    open()
    await Promise.all([own.ready(), ada.ready()])
    await publishAll()
    await eventually(() => expect(replay).to.deep.equal(SEEN))
    const hers = topicsOf(own, /./, { name: 'hers' })
    await eventually(() => expect(hers).to.deep.equal(SEEN))
    const refused = new Promise(resolve => ada.errors$.subscribe(resolve))
    await host.restart(() => {
      host.file.remove('ada')
      host.file.write()
    })
    open()
    expect(await refused).to.be.instanceOf(AuthError)
    // No one may ever see its messages.
    await publishAll()
    const his = topicsOf(own, /./, { name: 'his' })
    await eventually(() => expect(his).to.deep.equal([...TOPICS, ...TOPICS]))
    expect(hers).to.deep.equal(SEEN)
  })
})
