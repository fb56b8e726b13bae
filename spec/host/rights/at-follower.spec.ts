import { expect } from 'chai'
import { ForbiddenError, LimitError, type Bus, type Message, type TopicOptions } from '../../../src/index.js'
import { relayRules } from '../../../src/broker/routing/relay.js'
import { eventually } from '../../support/eventually.js'
import { untilStatus } from '../../support/messages.js'
import { RightsConvention, type RightsConventionOptions } from '../../support/rights-convention.js'

/** The topics that come, in order. */
function topicsOf(bus: Bus, pattern: RegExp | string, options: TopicOptions = {}): string[] {
  const topics: string[] = []
  bus.topic(pattern, options).subscribe(({ topic }: Message) => topics.push(topic))
  return topics
}

const work = { name: 'work' } as const
const names = ['.*']
const some = { subscribe: { allow: ['a\\..*', 'end'], deny: ['a\\.secret'] }, names }
const all = { subscribe: ['.*'], publish: ['.*'], names, deadLetters: ['.*'] }
const TOPICS = ['a.1', 'b.1', 'a.secret', 'a.2', 'end']
/** What the rights of `some` let through. */
const SEEN = ['a.1', 'a.2', 'end']

describe('a principal at a follower', () => {
  let hosts: RightsConvention
  let publisher: Bus | undefined

  async function start(options: RightsConventionOptions): Promise<void> {
    hosts = await RightsConvention.start(options)
  }

  async function publishAll(topics: readonly string[]): Promise<void> {
    const bus = (publisher ??= hosts.own())
    for (const topic of topics) await bus.publish(topic, topic)
  }

  /** A name, made by this bus, without a consumer. */
  async function make(bus: Bus): Promise<void> {
    const maker = bus.topic(/./, work).subscribe()
    await bus.ready()
    maker.unsubscribe()
    await untilStatus(hosts.own(), 'work', { consumers: 0 })
  }

  const change = async (follower: string, principal: string, rights: object): Promise<void> => {
    const { file } = hosts.follower(follower)
    await file.add(principal, { ...rights })
    file.write()
  }

  afterEach(async () => {
    publisher = undefined
    await hosts.close()
  })

  for (const isStored of [false, true])
    describe(`of a leader ${isStored ? 'with a store' : 'in memory'}`, () => {
      it('gets what it may see of a name that it made, and nothing else waits there', async () => {
        await start({ isStored, followers: { home: { ada: some } } })
        const bus = hosts.bus('home', 'ada')
        const seen = topicsOf(bus, /./, work)
        await bus.ready()
        await publishAll(TOPICS)
        await eventually(() => expect(seen.at(-1)).to.equal('end'))
        expect(seen).to.deep.equal(SEEN)
        await untilStatus(hosts.own(), 'work', { pending: 0, inFlight: 0, delivered: 3 })
      })

      it('is passed over where it may not see a message of a name that others made', async () => {
        await start({ isStored, followers: { home: { ada: some, bob: all } } })
        await make(hosts.own())
        const ada = hosts.bus('home', 'ada')
        const seen = topicsOf(ada, /./, work)
        await ada.ready()
        await publishAll(TOPICS)
        await eventually(() => expect(seen).to.deep.equal(SEEN))
        const others = topicsOf(hosts.bus('home', 'bob'), /./, work)
        await eventually(() => expect([...others].sort()).to.deep.equal(['a.secret', 'b.1']))
        expect(seen).to.deep.equal(SEEN)
      })

      it('shares a name with one of another follower, and each gets what it may see', async () => {
        await start({
          isStored,
          followers: { home: { ada: some }, away: { bob: { subscribe: ['a\\..*', 'b\\..*'], names } } },
        })
        await make(hosts.bus('home', 'ada'))
        const seen = topicsOf(hosts.bus('away', 'bob'), /./, work)
        await eventually(async () => {
          const { subscriptions } = await hosts.own().status()
          expect(subscriptions.find(({ name }) => name === 'work')).to.include({ consumers: 1 })
        })
        await publishAll([...TOPICS, 'a.end'])
        await eventually(() => expect(seen.at(-1)).to.equal('a.end'))
        // Its maker may not see b.1, and it may not see `end`.
        expect(seen).to.deep.equal(['a.1', 'a.2', 'a.end'])
      })

      it('gets other messages within a second of a change of its rights', async () => {
        await start({ isStored, followers: { home: { ada: some } } })
        const ada = hosts.bus('home', 'ada')
        const seen = topicsOf(ada, /./, work)
        await ada.ready()
        await publishAll(['a.1', 'b.1'])
        await change('home', 'ada', { subscribe: ['b\\..*', 'end'], names })
        await eventually(async () => {
          await publishAll(['b.2'])
          expect(seen).to.include('b.2')
        }, 1_500)
        await publishAll(['a.2', 'end'])
        await eventually(() => expect(seen).to.include('end'))
        expect(seen.filter(topic => topic !== 'b.2')).to.deep.equal(['a.1', 'end'])
      })

      it('made a name that follows its rights while it is away, and keeps none of those of one that is gone', async () => {
        await start({ isStored, followers: { home: { ada: some, eve: some } } })
        await make(hosts.bus('home', 'ada'))
        const own = hosts.own()
        const pending = async (): Promise<number> =>
          (await own.status()).subscriptions.find(({ name }) => name === 'work')?.pending ?? -1
        await publishAll(['a.1', 'b.1'])
        expect(await pending()).to.equal(isStored ? 2 : 1)
        await change('home', 'ada', { subscribe: ['b\\..*', 'end'], names })
        const others = topicsOf(own, /./, work)
        await eventually(async () => {
          await publishAll(['b.2'])
          expect(others).to.include('b.2')
        }, 1_500)
        hosts.follower('home').file.remove('ada')
        hosts.follower('home').file.write()
        await eventually(async () => {
          const before = others.length
          await publishAll(['b.2', 'b.2'])
          expect(others.length).to.equal(before)
        })
      })

      it('has no more at its leader than its host may see there', async () => {
        const home = { subscribe: ['a\\..*', 'b\\..*'], publish: ['.*'], names, join: true }
        await start({ isStored, leader: { home }, followers: { home: { ada: some, bob: all } } })
        const [ada, bob] = [hosts.bus('home', 'ada'), hosts.bus('home', 'bob')]
        const seen = topicsOf(ada, /./, work)
        const others = topicsOf(bob, /./, { name: 'other' })
        await Promise.all([ada.ready(), bob.ready()])
        await publishAll([...TOPICS, 'b.end'])
        await eventually(() => expect(others).to.deep.equal(['a.1', 'b.1', 'a.secret', 'a.2', 'b.end']))
        expect(seen).to.deep.equal(['a.1', 'a.2'])
      })

      it('registers a name, for a handler, that gets what the principal may see, and its host', async () => {
        const home = { subscribe: ['a\\..*', 'b\\..*'], publish: ['.*'], names, join: true }
        await start({ isStored, leader: { home }, followers: { home: { ada: some } } })
        const request = { ...relayRules, pattern: /./, name: 'work', principal: 'ada' }
        await hosts.follower('home').server.sessions.replace('default', request)
        await publishAll([...TOPICS, 'a.3'])
        const seen = topicsOf(hosts.own(), /./, work)
        await eventually(() => expect(seen.at(-1)).to.equal('a.3'))
        expect(seen).to.deep.equal(['a.1', 'a.2', 'a.3'])
      })

      it('gets what it may see of dead letters', async () => {
        await start({ isStored, followers: { home: { ada: { ...some, deadLetters: ['mine'] }, bob: all } } })
        const own = hosts.own()
        for (const name of ['mine', 'other'])
          own.topic(/^(a|b|end)/, { name, attempts: 1 }).subscribe(message => void message.reject('no'))
        await own.ready()
        const letters = (bus: Bus): unknown[] => {
          const got: unknown[] = []
          bus
            .topic(/^\$dead\//, { name: `letters ${Math.random()}` })
            .subscribe(({ topic, payload }) => got.push([topic, (payload as { topic: string }).topic]))
          return got
        }
        const [ada, bob] = [hosts.bus('home', 'ada'), hosts.bus('home', 'bob')]
        const [hers, his] = [letters(ada), letters(bob)]
        await Promise.all([ada.ready(), bob.ready()])
        await publishAll(TOPICS)
        await eventually(() => expect(his).to.have.length(10))
        await eventually(() => expect(hers).to.deep.equal(SEEN.map(topic => ['$dead/mine', topic])))
      })
    })

  it('gets what it may see of a replay, with a name and without, before and after a restart of the leader', async () => {
    await start({ isStored: true, followers: { home: { ada: some } } })
    await publishAll(TOPICS)
    const bus = hosts.bus('home', 'ada')
    const seen = topicsOf(bus, /./, { from: 0 })
    const named = topicsOf(bus, /./, { from: 0, name: 'work' })
    await eventually(() => expect(seen).to.deep.equal(SEEN))
    await eventually(() => expect(named).to.deep.equal(SEEN))
    await hosts.restartLeader()
    await bus.ready()
    await publishAll(['b.2', 'a.secret', 'a.end'])
    // Those whose acks were not on the disk come again.
    for (const each of [seen, named]) {
      await eventually(() => expect(each.at(-1)).to.equal('a.end'))
      expect([...new Set(each)]).to.deep.equal([...SEEN, 'a.end'])
    }
  })

  it('made a name that keeps its rights when the leader with a store is restarted', async () => {
    await start({ isStored: true, followers: { home: { ada: some } } })
    await make(hosts.bus('home', 'ada'))
    await hosts.restartLeader()
    await publishAll(TOPICS)
    const others = topicsOf(hosts.own(), /./, work)
    await eventually(() => expect(others).to.deep.equal(SEEN))
  })

  it('keeps its rights at a leader that hands its memory to the next one', async () => {
    await start({ followers: { home: { ada: some, bob: all } } })
    const [ada, bob] = [hosts.bus('home', 'ada'), hosts.bus('home', 'bob')]
    await make(ada)
    const shared = topicsOf(ada, /./, { name: 'shared' })
    await ada.ready()
    const maker = hosts.own()
    maker.topic(/./, { name: 'all' }).subscribe().unsubscribe()
    await maker.ready()
    const hers = topicsOf(ada, /./, { name: 'all' })
    await ada.ready()
    const { trouble } = await hosts.handOverLeader()
    expect(trouble).to.deep.equal([])
    await Promise.all([ada.ready(), bob.ready()])
    await publishAll(TOPICS)
    await eventually(() => expect(shared).to.deep.equal(SEEN))
    await eventually(() => expect(hers).to.deep.equal(SEEN))
    const others = topicsOf(bob, /./, work)
    await eventually(() => expect(others).to.deep.equal(SEEN))
    await change('home', 'ada', { subscribe: ['b\\..*'], names })
    await eventually(async () => {
      await publishAll(['b.2'])
      expect(shared).to.include('b.2')
    })
  })

  it('keeps its rights when its own host hands its memory to the next one, and they follow the file there', async () => {
    await start({ followers: { home: { ada: some } } })
    const ada = hosts.bus('home', 'ada')
    const seen = topicsOf(ada, /./, work)
    await ada.ready()
    const { trouble } = await hosts.follower('home').handOver('home 0')
    expect(trouble).to.deep.equal([])
    await publishAll(TOPICS)
    await eventually(() => expect(seen).to.deep.equal(SEEN))
    await change('home', 'ada', { subscribe: ['b\\..*'], names })
    await eventually(async () => {
      await publishAll(['b.2'])
      expect(seen).to.include('b.2')
    })
    await publishAll(['a.1', 'b.3'])
    await eventually(() => expect(seen.at(-1)).to.equal('b.3'))
    expect(seen.slice(3)).not.to.include('a.1')
  })

  for (const how of ['replay', 'purge'] as const)
    it(`has its dead letters there in one call, those alone that it may see: ${how}`, async () => {
      const home = { subscribe: ['.*'], deadLetters: ['.*'], publish: ['.*'], names, join: true }
      const ada = { ...some, deadLetters: ['mine'] }
      await start({ leader: { home, away: home }, followers: { home: { ada }, away: {} } })
      const own = hosts.own()
      let isMended = false
      own.topic(/^(a|b|end)/, { name: 'mine', attempts: 1 }).subscribe(message => {
        if (!isMended) message.reject('no')
      })
      await own.ready()
      await publishAll([...TOPICS, ...TOPICS])
      const letters = async (): Promise<number> => (await own.deadLetters().list()).length
      await eventually(async () => expect(await letters()).to.equal(10))
      isMended = true
      const { control } = hosts.leader.sessions.broker('default')
      let calls = 0
      const deadLetters = control.deadLetters.bind(control)
      control.deadLetters = () => {
        calls += 1
        return deadLetters()
      }
      const bus = hosts.bus('home', 'ada')
      expect(await bus.deadLetters()[how]({ subscription: 'mine' })).to.equal(6)
      expect(calls).to.equal(1)
      const left = await own.deadLetters().list()
      expect(left.map(({ topic }) => topic)).to.deep.equal(['b.1', 'a.secret', 'b.1', 'a.secret'])
      expect(await bus.deadLetters()[how]({ subscription: 'mine' })).to.equal(0)
      expect(
        await hosts
          .bus('home', 'ada')
          .deadLetters()
          .purge({ subscription: 'mine', id: left[0]?.id ?? '' }),
      ).to.equal(0)
    })

  it('with more rules than go to a leader has an error for its names, and is the only one', async () => {
    const many = Array.from({ length: 900 }, (_, at) => `a.${at}.${'x'.repeat(40)}`)
    await start({ followers: { home: { ada: { subscribe: many, names }, bob: some } } })
    const refused = await new Promise<unknown>(resolve =>
      hosts.bus('home', 'ada').topic(/./, work).subscribe({ error: resolve }),
    )
    expect(refused).to.be.instanceOf(LimitError)
    const seen = topicsOf(hosts.bus('home', 'bob'), /./, work)
    await eventually(async () => {
      await publishAll(['a.1'])
      expect(seen).to.include('a.1')
    })
  })

  it('has no name at a leader that does not let its host join', async () => {
    await start({
      leader: { home: { subscribe: ['.*'], names } },
      followers: { home: { ada: some } },
      mayJoin: false,
    })
    const refused = await new Promise<unknown>(resolve =>
      hosts.bus('home', 'ada').topic(/./, work).subscribe({ error: resolve }),
    )
    expect(refused).to.be.instanceOf(ForbiddenError)
  })
})
