import { expect } from 'chai'
import { createBus } from '../../../src/bus/create-bus.js'
import { embeddedBroker } from '../../../src/embedded.js'
import { InvalidPatternError, moduleRef, mqtt, wildcard, type MsgvanError } from '../../../src/index.js'
import { collect, rejection, topics } from '../../support/messages.js'

describe('a string that looks like a wildcard', () => {
  const setUp = () => {
    const broker = embeddedBroker('default')
    const notices: MsgvanError[] = []
    const errors: MsgvanError[] = []
    broker.lateErrors$.subscribe(notice => notices.push(notice))
    broker.errors$.subscribe(error => errors.push(error))
    return { bus: createBus('default', broker), notices, errors }
  }

  it('stays exact, and the log says so once', async () => {
    const { bus, notices, errors } = setUp()
    const seen = [collect(bus.topic('orders.*')), collect(bus.topic('orders.*', { name: 'w' }))]
    await bus.publish('orders.eu')
    await bus.publish('orders.*')
    for (const each of seen) expect(topics(await each.first(1))).to.deep.equal(['orders.*'])
    expect(notices.map(({ message }) => message)).to.deep.equal([
      'The pattern "orders.*" is a string, so it matches this one topic only. If it is meant as a wildcard, give wildcard("orders.*").',
    ])
    expect(notices[0]).to.be.instanceOf(InvalidPatternError)
    expect(errors).to.deep.equal([])
    await bus.close()
  })

  it('gets the advice that fits', async () => {
    const { bus, notices } = setUp()
    const advised = (pattern: string): string | undefined => {
      bus.topic(pattern)
      return /give (.*)\.$/.exec(notices.splice(0)[0]?.message ?? '')?.[1]
    }
    expect(advised('orders.>')).to.equal('wildcard("orders.>")')
    expect(advised('a/+/#')).to.equal('mqtt("a/+/#")')
    expect(advised('#')).to.equal('mqtt("#")')
    expect(advised('orders*')).to.equal('a RegExp')
    for (const plain of ['orders.eu', 'C++', 'C#', 'a+b', 'a#b/c', 'a > b', 'a->b'])
      expect(advised(plain), plain).to.equal(undefined)
    bus.topic(/a.*/)
    bus.topic(wildcard('a.*'))
    bus.topic(mqtt('a/+'))
    expect(notices).to.deep.equal([])
    await bus.close()
  })

  it('is told of for handlers and actors too, and of at most 100 topics', async () => {
    const { bus, notices } = setUp()
    const handler = moduleRef(import.meta.url, 'none')
    await rejection(bus.subscribeHandler('h', handler, 'h.*'))
    await rejection(bus.subscribeActor('a', 'some', 'a.*'))
    expect(notices).to.have.lengthOf(2)
    for (let n = 0; n < 1_000; n++) bus.topic(`t.${n}.*`)
    expect(notices).to.have.lengthOf(100)
    await bus.close()
  })
})
