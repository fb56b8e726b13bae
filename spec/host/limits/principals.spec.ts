import { expect } from 'chai'
import { InvalidOptionError, LimitError, type Bus, type TopicOptions } from '../../../src/index.js'
import { readPrincipals } from '../../../src/host/rights/principals-file.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, upTo } from '../../support/messages.js'
import { GuardedHost } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'
import { VirtualTime } from '../../support/virtual-time.js'

const rights = { publish: ['.*'], subscribe: ['.*'], names: ['.*'] }

describe('the limits of a principal', () => {
  let host: GuardedHost
  let time: VirtualTime

  async function start(limits: object): Promise<void> {
    time = new VirtualTime()
    host = await GuardedHost.with({ ada: { ...rights, limits }, bob: rights }, {}, time)
  }
  afterEach(() => host.close())

  const refusal = (bus: Bus, topic: string, options: TopicOptions = {}): Promise<unknown> =>
    Promise.race([
      new Promise(resolve => bus.topic(topic, options).subscribe({ error: resolve })),
      bus.ready(),
    ])

  it('let its publishes wait, in order, over all its clients', async () => {
    await start({ publishes: 10 })
    const [one, two] = [host.client('ada').bus, host.client('ada').bus]
    const seen = collect(host.client(undefined).bus.topic('t'))
    await Promise.all([one.ready(), two.ready(), host.client('bob').bus.ready()])
    let done = 0
    const publishes = [one, two].flatMap(bus =>
      upTo(10).map(number => bus.publish('t', number).then(() => (done += 1))),
    )
    await seen.first(20)
    await Promise.all([one.ready(), two.ready()])
    expect(done).to.equal(10)
    time.advance(1_000)
    await Promise.all(publishes)
    await host.client('bob').bus.publish('t', 'others')
  })

  it('refuse its publishes by choice, and log and count it', async () => {
    await start({ publishes: 3, over: 'refuse' })
    const bus = host.client('ada').bus
    const seen = collect(host.client(undefined).bus.topic('t'))
    await bus.ready()
    const outcomes = await Promise.allSettled(upTo(5).map(number => bus.publish('t', number)))
    expect(outcomes.map(({ status }) => status)).to.deep.equal([
      ...['fulfilled', 'fulfilled', 'fulfilled'],
      ...['rejected', 'rejected'],
    ])
    expect(await rejection(bus.publish('t', 6))).to.be.instanceOf(LimitError)
    time.advance(1_000)
    await bus.publish('t', 7)
    expect(payloads(await seen.first(4))).to.deep.equal([1, 2, 3, 7])
    expect((await host.client(undefined).bus.status()).limited).to.deep.equal({ ada: { publishes: 3 } })
    expect((await host.client('bob').bus.status()).limited).to.equal(undefined)
    expect(host.logged).to.deep.equal(['refused: ada is over its limit "publishes"'])
  })

  it('hold for connections: one more is refused until another one is closed', async () => {
    await start({ connections: 2 })
    const [one, two] = [1, 2].map(() => host.client('ada').bus) as [Bus, Bus]
    await Promise.all([one.ready(), two.ready()])
    const three = host.client('ada').bus
    await eventually(() => expect(host.logged.join()).to.contain('over its limit "connections"'))
    await host.client('bob').bus.ready()
    await one.close()
    await three.ready()
  })

  it('hold for subscriptions and names, until some are ended', async () => {
    await start({ subscriptions: 3, names: 1 })
    const [one, two] = [host.client('ada').bus, host.client('ada').bus]
    const first = one.topic('a', { name: 'first' }).subscribe()
    expect(await refusal(one, 'b')).to.equal(undefined)
    expect(await refusal(two, 'c', { name: 'second' })).to.be.instanceOf(LimitError)
    expect(await refusal(two, 'a', { name: 'first' })).to.equal(undefined)
    expect(await refusal(two, 'd')).to.include({ code: 'MSGVAN_LIMIT' })
    expect(await refusal(host.client('bob').bus, 'd')).to.equal(undefined)
    first.unsubscribe()
    expect(await refusal(two, 'd')).to.equal(undefined)
    await host.client(undefined).bus.unsubscribe('first')
    expect(await refusal(two, 'c', { name: 'second' })).to.equal(undefined)
  })

  it('change with the file, and end with it', async () => {
    await start({ publishes: 1, over: 'refuse' })
    const bus = host.client('ada').bus
    await bus.publish('t', 1)
    expect(await rejection(bus.publish('t', 2))).to.be.instanceOf(LimitError)
    await host.file.add('ada', rights)
    host.file.write()
    await eventually(() => expect(host.principals.get('ada')?.limits).to.equal(undefined))
    await Promise.all(upTo(10).map(number => bus.publish('t', number)))
  })
})

describe('limits in the file of principals', () => {
  const file = (limits: string): string => `{ "principals": {\n"ada": {\n"limits": ${limits}\n} } }`

  for (const [limits, line, fault] of [
    ['{\n"publishes": 0 }', 4, /"publishes" is a whole number of publishes a second, 1 or more/],
    ['{ "bytes": 1,\n"names": "2" }', 4, /"names" is a whole number of subscriptions with a name/],
    ['{ "connections": 1.5 }', 3, /"connections" is a whole number/],
    ['{ "over": "drop" }', 3, /"over" is one of "wait", "refuse"/],
    ['{ "publish": 1 }', 3, /"limits" has no "publish"; it has publishes, bytes/],
    ['[]', 3, /"limits" is a JSON object/],
  ] as const)
    it(`are refused with their line: ${JSON.stringify(limits)}`, () => {
      expect(() => readPrincipals(file(limits), 'file')).to.throw(InvalidOptionError, fault)
      expect(() => readPrincipals(file(limits), 'file')).to.throw(`file, line ${line}: `)
    })

  it('are whole numbers, and wait by default', () => {
    const read = readPrincipals(file('{ "publishes": 5, "names": 1 }'), 'file').get('ada')
    expect(read?.limits).to.deep.equal({ publishes: 5, names: 1, over: 'wait' })
    expect(readPrincipals('{"principals":{"ada":{}}}', 'file').get('ada')?.limits).to.equal(undefined)
  })
})
