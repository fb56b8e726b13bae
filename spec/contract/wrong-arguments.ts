import { expect } from 'chai'
import { backoff, defineActor, handle, InvalidOptionError, moduleRef, type Bus } from '../../src/index.js'
import { rejection, statusOf, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

/** As a program without types might give them. */
type Loose = (...args: unknown[]) => unknown
const loose = (call: unknown): Loose => call as Loose

/** What `call` throws or rejects with. */
async function refusal(call: () => unknown): Promise<unknown> {
  let outcome: unknown
  try {
    outcome = call()
  } catch (error) {
    return error
  }
  return outcome instanceof Promise || typeof (outcome as { then?: unknown } | undefined)?.then === 'function'
    ? rejection(outcome as Promise<unknown>)
    : undefined
}

function circular(): object {
  const itself: { itself?: object } = {}
  itself.itself = itself
  return itself
}

/** A class of an app: an instance without properties is no options. */
class Own {
  readonly name = 'w'
}

/** Objects that would count as no options at all. */
const odds: object[] = [
  Promise.resolve({ name: 'w' }),
  /w/,
  new Date(),
  new Map(),
  new Set(),
  Object.create(Own.prototype) as Own,
]

/** It has no prototype, and cannot be made a text. */
const bare = (): object => Object.create(null) as object

/** Calls with one wrong argument each, by the name that the error must have. */
function wrongCalls(bus: Bus): [name: string, call: () => unknown][] {
  const topic = loose(bus.topic.bind(bus))
  const publish = loose(bus.publish.bind(bus))
  const create = loose(bus.actors.create.bind(bus.actors))
  const subscribeHandler = loose(bus.subscribeHandler.bind(bus))
  const subscribeActor = loose(bus.subscribeActor.bind(bus))
  const letters = bus.deadLetters()
  const numbers = ['prefetch', 'attempts', 'ackTimeout', 'maxPending', 'maxPendingBytes']
  return [
    ...[...numbers, 'ack', 'replace', 'ordered', 'name', 'delay', 'overflow', 'schema', 'from'].map(
      (option): [string, () => unknown] => [option, () => topic('t', { [option]: null })],
    ),
    ['nosuch', () => topic('t', { nosuch: 1 })],
    ['object', () => topic('t', [])],
    ['header', () => publish('t', 1, { header: { a: 'b' } })],
    ['object', () => publish('t', 1, 'text')],
    ...odds.flatMap((odd): [string, () => unknown][] => [
      ['object', () => loose(letters.purge.bind(letters))(odd)],
      ['object', () => loose(letters.replay.bind(letters))(odd)],
      ['object', () => loose(letters.list.bind(letters))(odd)],
      ['object', () => loose(letters.list.bind(letters))({}, odd)],
      ['object', () => letters.pages(odd)[Symbol.asyncIterator]().next()],
      ['object', () => publish('t', 1, odd)],
      ['object', () => topic('t', odd)],
      ['object', () => loose(handle)(() => 1, odd)],
      ['object', () => backoff(odd)],
      ['object', () => loose(bus.close.bind(bus))(odd)],
      ['object', () => loose(bus.ready.bind(bus))(odd)],
      ['object', () => create({ module: '/x.js' }, odd)],
      ['requires', () => create({ module: '/x.js' }, { requires: odd })],
    ]),
    ['promise: await', () => loose(letters.purge.bind(letters))(Promise.resolve({ subscription: 'w' }))],
    ['Map', () => loose(letters.purge.bind(letters))(new Map())],
    ['object', () => publish('t', 1, null)],
    ['header', () => publish({ topic: 't', header: { a: 'b' } })],
    ['function', () => loose(handle)('text')],
    ['concurrency', () => handle(() => 1, { concurrency: null as unknown as number })],
    ['subscripton', () => loose(letters.purge.bind(letters))({ subscripton: 'w' })],
    ['subscription', () => loose(letters.replay.bind(letters))({ subscription: null })],
    ['subscription', () => loose(letters.list.bind(letters))({ subscription: 5 })],
    ['payload', () => loose(letters.list.bind(letters))({}, { payload: false })],
    ['object', () => loose(letters.purge.bind(letters))('w')],
    ['initial', () => backoff({ initial: '5' as unknown as number })],
    ['max', () => backoff({ max: Infinity })],
    ['factor', () => backoff({ factor: 0.5 })],
    ['jitter', () => backoff({ jitter: null as unknown as number })],
    ['random', () => backoff({ random: 5 as unknown as () => number })],
    ['module', () => loose(moduleRef)(undefined, 'x')],
    ['module', () => loose(moduleRef)(import.meta.url, 5)],
    ['setup', () => loose(defineActor)({ receive: () => 1 })],
    ['timeout', () => bus.actors.ref('nobody').ask(1, { timeout: NaN })],
    ['timeOut', () => loose(bus.actors.ref('nobody').ask.bind(bus.actors.ref('nobody')))(1, { timeOut: 5 })],
    ['header', () => loose(bus.actors.ref('nobody').tell.bind(bus.actors.ref('nobody')))(1, { header: {} })],
    ['object', () => loose(bus.actors.ref('nobody').tell.bind(bus.actors.ref('nobody')))(1, 'text')],
    ['isolation', () => create({ module: '/x.js' }, { isolation: 1n })],
    ['isolation', () => create({ module: '/x.js' }, { isolation: circular() })],
    ['isolation', () => create({ module: '/x.js' }, { isolation: bare() })],
    ['object', () => subscribeHandler('n', { module: '/x.js' }, 't', null)],
    ['nosuch', () => subscribeHandler('n', { module: '/x.js' }, 't', { nosuch: 1 })],
    ['isolation', () => subscribeHandler('n', { module: '/x.js' }, 't', { isolation: 'none' })],
    ['isolation', () => subscribeHandler('n', { module: '/x.js' }, 't', { isolation: null })],
    ['object', () => subscribeActor('n', 'nobody', 't', null)],
    ['object', () => subscribeActor('n', 'nobody', 't', 5)],
    ['nosuch', () => subscribeActor('n', 'nobody', 't', { nosuch: 1 })],
    ['message', () => publish({ topic: 't' }, { headers: { a: 'b' } })],
    ['message', () => publish({ topic: 't' }, 5)],
    ['message', () => publish({ topic: 't' }, null)],
    ['name', () => topic('t', { name: bare() })],
    ['ack', () => topic('t', { ack: circular() })],
    ['attempts', () => topic('t', { attempts: bare() })],
    ['instances', () => bus.actors.create({ module: '/x.js' }, { instances: null as unknown as number })],
    ['object', () => loose(bus.actors.create.bind(bus.actors))({ module: '/x.js' }, null)],
    ['drain', () => loose(bus.close.bind(bus))({ drain: null })],
    ['timeout', () => loose(bus.close.bind(bus))({ timeout: null })],
  ]
}

export function wrongArguments(at: Connected): void {
  describe('wrong arguments', () => {
    it('are refused at once, by name, and change nothing', async () => {
      const bus = at.bus()
      bus.topic('t', { name: 'w', attempts: 1 }).subscribe(message => message.reject('no'))
      await bus.ready()
      await bus.publish('t')
      await untilStatus(bus, 'w', { deadLettered: 1 })
      for (const [name, call] of wrongCalls(bus)) {
        const error = await refusal(call)
        expect(error, `${name}: ${String(call)}`).to.be.instanceOf(InvalidOptionError)
        expect((error as Error).message, String(call)).to.include(name)
      }
      expect(await bus.deadLetters().list()).to.have.length(1)
      expect((await statusOf(bus, 'w')).acked).to.equal(0)
    })

    it('undefined stands for the default everywhere', () => {
      const bus = at.bus()
      bus.topic('t', { prefetch: undefined, delay: undefined, name: undefined } as object)
      handle(() => 1, { attempts: undefined, delay: undefined } as object)
      expect(backoff({ max: undefined, jitter: 0 } as object)(undefined, 1)).to.equal(100)
    })
  })
}
