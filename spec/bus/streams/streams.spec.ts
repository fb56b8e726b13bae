import { expect } from 'chai'
import { finalize, NEVER, Subject } from 'rxjs'
import { createBus } from '../../../src/bus/create-bus.js'
import { embeddedBroker } from '../../../src/embedded.js'
import { ObservationLostError, UnreadablePayloadError, type Bus } from '../../../src/index.js'
import { Envelope, type Headers } from '../../../src/message/envelope.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { encodePayload } from '../../../src/codec/payload.js'
import type { LocalBroker } from '../../../src/broker/local-broker.js'
import { eventually } from '../../support/eventually.js'
import { collect } from '../../support/messages.js'

/** What comes over a link as a letter of a remote observable may be anything. */
describe('letters of remote observables', () => {
  let broker: LocalBroker
  let bus: Bus
  /** The headers of each question that was asked: who observes, and which observation. */
  let asked: Headers[]

  beforeEach(() => {
    broker = embeddedBroker('default')
    bus = createBus('default', broker)
    asked = []
    // In place of a bus that exposes.
    bus.topic('$exposed/x', { name: '$exposed/x' }).subscribe(({ headers }) => asked.push(headers))
  })
  afterEach(() => bus.close())

  const letter = (kind: string, more: Headers = {}, payload?: unknown): Promise<void> => {
    const { $from: to = '', $stream = '' } = asked.at(-1) ?? {}
    return broker.publish(to, payload, { $stream, $kind: kind, $from: '$reply/far', ...more })
  }
  const observed = () => {
    const seen = collect(bus.observe<void, number>('x'))
    expect(asked).to.have.lengthOf.greaterThan(0)
    return seen
  }

  it('counted as they should be they are values', async () => {
    const seen = observed()
    await letter('begun', { $count: '0' })
    await letter('next', { $count: '1' }, 7)
    await letter('next', { $count: '2' }, 8)
    await letter('done', { $count: '2' })
    await seen.completion()
    expect(seen.values).to.deep.equal([7, 8])
  })

  it('one letter may carry several values; a damaged list carries none', async () => {
    const seen = observed()
    await letter('values', { $count: '3' }, [7, 8, 9])
    await letter('values', { $count: '3' }, 'no list')
    await letter('done', { $count: '3' })
    await seen.completion()
    expect(seen.values).to.deep.equal([7, 8, 9])
  })

  const lost: [string, string, Headers][] = [
    ['a list that counts too few', 'values', { $count: '2' }],
    ['a value too few', 'next', { $count: '2' }],
    ['a value twice', 'next', { $count: '0' }],
    ['an end that counts more', 'done', { $count: '1' }],
    ['no count', 'next', {}],
    ['a count that is none', 'next', { $count: '1e999' }],
  ]
  for (const [what, kind, headers] of lost) {
    it(`${what} is a loss, with an error`, async () => {
      const seen = observed()
      await letter(kind, headers, 1)
      expect(await seen.failure()).to.be.instanceOf(ObservationLostError)
      expect(seen.values).to.deep.equal([])
    })
  }

  it('both ends compare their counts: more values, or an unknown observation, is a loss', async () => {
    for (const running of [[[undefined, 3]], [], 7, undefined, [['1'], 2, null, { 0: '1', 1: 0 }]]) {
      const seen = observed()
      const { $stream } = asked.at(-1) ?? {}
      await letter('begun', { $count: '0' })
      const list = Array.isArray(running) && running.length === 1 ? [[$stream, 3]] : running
      await letter('running', {}, list)
      expect(await seen.failure()).to.be.instanceOf(ObservationLostError)
    }
    const seen = observed()
    await letter('begun', { $count: '0' })
    await letter('running', {}, [[asked.at(-1)?.['$stream'], 0]])
    await letter('next', { $count: '1' }, 1)
    expect(await seen.first(1)).to.deep.equal([1])
  })

  it('bytes that no payload can have end the observation', async () => {
    const seen = observed()
    const { $from: to = '', $stream = '' } = asked[0] ?? {}
    const bytes = encodePayload('text').subarray(0, 2)
    const headers = { $stream, $kind: 'next', $count: '1' }
    await broker.accept(new Envelope('p', 1, to, headers, 0, bytes, bytes.length, Encoding.Bytes))
    expect(await seen.failure()).to.be.instanceOf(UnreadablePayloadError)
  })

  it('ignores messages without an observation', async () => {
    const seen = observed()
    for (const kind of ['next', 'done', 'error', 'begun', 'cancel', 'observing', 'running', '', '__proto__'])
      for (const $stream of ['', '99', '__proto__', 'constructor'])
        await letter(kind, { $stream, $count: '1' }, kind === 'running' ? [] : { error: 7 })
    await letter('begun', { $count: '0' })
    await letter('done', { $count: '0' })
    await seen.completion()
  })

  it('an error says what can be said of it', async () => {
    for (const [payload, text] of [
      [{ error: 'why' }, /^why$/],
      [undefined, /"x" broke off/],
      [{ error: 7 }, /"x" broke off/],
      ['text', /"x" broke off/],
    ] as const) {
      const seen = observed()
      await letter('error', {}, payload)
      expect(((await seen.failure()) as Error).message).to.match(text)
    }
    const seen = observed()
    await letter('error', { $code: 'MSGVAN_NO_SUCH' }, { error: 'why' })
    expect(await seen.failure()).to.include({ code: 'MSGVAN_REMOTE', message: 'why' })
  })

  it('questions without an address are passed over, and one that comes twice is one', async () => {
    let begun = 0
    const source$ = new Subject<number>()
    bus.expose('y', () => {
      begun += 1
      return source$
    })
    const answers = collect(bus.topic('$reply/me'))
    await broker.publish('$exposed/y', undefined, {})
    await broker.publish('$exposed/y', undefined, { $from: '$reply/me' })
    expect(begun).to.equal(0)
    for (let time = 0; time < 2; time++)
      await broker.publish('$exposed/y', undefined, { $from: '$reply/me', $stream: '1' })
    source$.next(1)
    await answers.first(2)
    expect(answers.values.map(({ headers }) => headers['$kind'])).to.deep.equal(['begun', 'next'])
  })

  it('drops the streams of an observer that the van does not find', async () => {
    let isRunning = false
    bus.expose('z', () => {
      isRunning = true
      return NEVER.pipe(finalize(() => (isRunning = false)))
    })
    await broker.publish('$exposed/z', undefined, { $from: '$reply/nobody', $stream: '1' })
    expect(isRunning).to.equal(true)
    await eventually(() => expect(isRunning).to.equal(false))
  })
})
