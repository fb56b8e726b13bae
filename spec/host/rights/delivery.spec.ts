import { expect } from 'chai'
import { of } from 'rxjs'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { Bus, Message, TopicOptions } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import type { HostServerOptions } from '../../../src/host/listen/server.js'
import { GuardedHost, type Rights } from '../../support/principals.js'

/** The topics that come, in order. */
function topicsOf(bus: Bus, pattern: RegExp | string, options: TopicOptions = {}): string[] {
  const topics: string[] = []
  bus.topic(pattern, options).subscribe(({ topic }: Message) => topics.push(topic))
  return topics
}

const some = { subscribe: { allow: ['a\\..*', 'end'], deny: ['a\\.secret'] }, names: ['.*'] }
const TOPICS = ['a.1', 'b.1', 'a.secret', 'a.2', 'end']

/** What the rights of `some` let through. */
const SEEN = ['a.1', 'a.2', 'end']

for (const kind of ['in memory', 'with a store'] as const)
  describe(`deliveries to a principal, ${kind}`, () => {
    let host: GuardedHost
    let own: Bus

    async function start(all: Readonly<Record<string, Rights>>): Promise<void> {
      const options: Partial<HostServerOptions> = kind === 'with a store' ? { awaitsStore: true } : {}
      host = await GuardedHost.with(all, options)
      if (kind === 'with a store') {
        host.server.openStore(new HostStore({ store: new Disk().mortal().store, warn: () => undefined }))
      }
      own = host.client(undefined).bus
      await own.ready()
    }

    async function publishAll(topics: readonly string[]): Promise<void> {
      for (const topic of topics) await own.publish(topic, topic)
    }

    afterEach(() => host.close())

    it('are those of topics that it may see, whatever its pattern', async () => {
      await start({ ada: some })
      const { bus } = host.client('ada')
      const seen = topicsOf(bus, /./)
      const all = topicsOf(own, /./)
      await Promise.all([bus.ready(), own.ready()])
      await publishAll(TOPICS)
      await eventually(() => expect(all).to.deep.equal(TOPICS))
      await eventually(() => expect(seen.at(-1)).to.equal('end'))
      expect(seen).to.deep.equal(SEEN)
    })

    it('leave out what it may not see of a name that it made', async () => {
      await start({ ada: some })
      const { bus } = host.client('ada')
      const seen = topicsOf(bus, /./, { name: 'work' })
      await bus.ready()
      await publishAll(TOPICS)
      await eventually(() => expect(seen.at(-1)).to.equal('end'))
      expect(seen).to.deep.equal(SEEN)
      await eventually(async () => {
        const work = (await own.status()).subscriptions.find(({ name }) => name === 'work')
        expect(work).to.include({ pending: 0, inFlight: 0 })
      })
    })

    it('pass a consumer by that lacks the right, to another of that name', async () => {
      await start({ ada: some, bob: { subscribe: ['.*'], names: ['.*'] } })
      // This user makes it, who may see all.
      const maker = own.topic(/./, { name: 'work' }).subscribe()
      await own.ready()
      maker.unsubscribe()
      const [ada, bob] = [host.client('ada').bus, host.client('bob').bus]
      const seen = topicsOf(ada, /./, { name: 'work' })
      await ada.ready()
      await publishAll(['b.1', 'a.1'])
      // What it may not see holds up nothing of what it may.
      await eventually(() => expect(seen).to.deep.equal(['a.1']))
      const others = topicsOf(bob, /./, { name: 'work' })
      await bob.ready()
      await eventually(() => expect(others).to.deep.equal(['b.1']))
      await publishAll(['b.2', 'b.3', 'a.secret'])
      await eventually(() => expect([...others].sort()).to.deep.equal(['a.secret', 'b.1', 'b.2', 'b.3']))
      expect(seen).to.deep.equal(['a.1'])
    })

    for (const [how, options] of [
      ['joins a name with other rules', { attempts: 9 }],
      ['joins a name with `replace`', { attempts: 9, replace: true }],
    ] as const)
      it(`keep for others what a consumer may not see that ${how}`, async () => {
        await start({ ada: some, bob: { subscribe: ['.*'], names: ['.*'] } })
        const maker = own.topic(/./, { name: 'work' }).subscribe()
        await own.ready()
        maker.unsubscribe()
        const { bus } = host.client('ada')
        const seen = topicsOf(bus, /./, { name: 'work', ...options })
        await bus.ready()
        await publishAll(TOPICS)
        await eventually(() => expect(seen).to.deep.equal(SEEN))
        const others = topicsOf(host.client('bob').bus, /./, { name: 'work' })
        await eventually(() => expect([...others].sort()).to.deep.equal(['a.secret', 'b.1']))
      })

    it('end when the right ends, for pending messages, too', async () => {
      await start({ ada: some })
      const { bus } = host.client('ada')
      const seen: string[] = []
      const held: Message[] = []
      bus.topic(/./, { ack: 'manual', prefetch: 1 }).subscribe(message => {
        seen.push(message.topic)
        held.push(message)
      })
      await bus.ready()
      await publishAll(['a.1', 'a.2', 'end'])
      await eventually(() => expect(seen).to.deep.equal(['a.1']))
      await host.file.add('ada', { ...some, subscribe: ['a\\.1', 'end'] })
      host.file.write()
      await eventually(() => expect(host.principals.sees('ada', 'a.2')).to.equal(false))
      held[0]?.ack()
      await eventually(() => expect(seen).to.deep.equal(['a.1', 'end']))
    })

    if (kind === 'with a store')
      it('leave out forbidden messages of a replay', async () => {
        await start({ ada: some })
        await publishAll(TOPICS)
        const { bus } = host.client('ada')
        const seen = topicsOf(bus, /./, { from: 0 })
        await eventually(() => expect(seen).to.deep.equal(SEEN))
        const named = topicsOf(bus, /./, { from: 0, name: 'work' })
        await eventually(() => expect(named).to.deep.equal(SEEN))
      })

    it('have only dead letters of its subscriptions, with topics that it may see', async () => {
      await start({ ada: { ...some, deadLetters: ['work'] } })
      const fails = (name: string) =>
        own.topic(/^(a|b|end)/, { name, attempts: 1 }).subscribe(message => void message.reject('no'))
      fails('work')
      fails('other')
      await own.ready()
      const { bus } = host.client('ada')
      const news: unknown[] = []
      bus
        .topic(/^\$dead\//)
        .subscribe(({ topic, payload }) => news.push([topic, (payload as { topic: string }).topic]))
      await bus.ready()
      await publishAll(TOPICS)
      await eventually(async () => expect(await own.deadLetters().list()).to.have.length(10))
      await eventually(() => expect(news).to.deep.equal(SEEN.map(topic => ['$dead/work', topic])))
      const letters = await bus.deadLetters().list()
      expect(letters.map(({ subscription, topic }) => [subscription, topic])).to.deep.equal(
        SEEN.map(topic => ['work', topic]),
      )
    })

    it('do not purge or replay dead letters with topics that the principal may not see', async () => {
      await start({ ada: { ...some, deadLetters: ['work'] } })
      let isMended = false
      const again: string[] = []
      own.topic(/^(a|b|end)/, { name: 'work', attempts: 1 }).subscribe(message => {
        if (isMended) again.push(message.topic)
        else message.reject('no')
      })
      await own.ready()
      const { bus } = host.client('ada')
      await publishAll(TOPICS)
      await eventually(async () => expect(await own.deadLetters().list()).to.have.length(5))
      isMended = true
      const first = (await bus.deadLetters().list())[0]
      if (first === undefined) throw new Error('no letter')
      expect(await bus.deadLetters().replay({ subscription: 'work', id: first.id })).to.equal(1)
      await eventually(() => expect(again).to.deep.equal(['a.1']))
      expect(await bus.deadLetters().replay({ subscription: 'work' })).to.equal(2)
      await eventually(() => expect([...again].sort()).to.deep.equal([...SEEN].sort()))
      expect(await bus.deadLetters().purge({ subscription: 'work' })).to.equal(0)
      const left = await own.deadLetters().list()
      expect(left.map(({ topic }) => topic)).to.deep.equal(['b.1', 'a.secret'])
      const hidden = left[0]?.id
      expect(hidden).to.be.a('string')
      if (hidden === undefined) return
      expect(await bus.deadLetters().purge({ subscription: 'work', id: hidden })).to.equal(0)
      expect(await own.deadLetters().purge()).to.equal(2)
    })

    it('have its own answers: no other principal reads its address', async () => {
      await start({ ada: { observe: ['price'] }, eve: { subscribe: ['.*'], admin: true, names: ['.*'] } })
      own.expose('price', () => of(1, 2))
      await own.ready()
      const { bus } = host.client('ada')
      const values: unknown[] = []
      bus.observe('price').subscribe(value => values.push(value))
      await eventually(() => expect(values).to.deep.equal([1, 2]))
      const address = (await own.status()).subscriptions.find(({ pattern }) =>
        pattern.startsWith('$reply/'),
      )?.pattern
      if (address === undefined) throw new Error('no address')
      const eve = host.client('eve').bus
      const refused = await new Promise(resolve => eve.topic(address).subscribe({ error: resolve }))
      expect(refused).to.include({ code: 'MSGVAN_FORBIDDEN' })
    })
  })
