import { expect } from 'chai'
import { connect } from '../../../src/client/index.js'
import { lastValueFrom, of } from 'rxjs'
import {
  backoff,
  handle,
  InvalidOptionError,
  InvalidTopicError,
  publishTo,
  van,
  type Bus,
} from '../../../src/index.js'
import { rejection, thrown } from '../../support/messages.js'
import { unhandledIn } from '../../support/unhandled.js'

/** As a program without types might give them. */
const refuses = (call: (options: never) => unknown, wrong: readonly unknown[]): void => {
  for (const options of wrong) {
    const error = thrown(() => call(options as never))
    expect(error, JSON.stringify(options)).to.be.instanceOf(InvalidOptionError)
  }
}

/** Half a surrogate pair: UTF-8 cannot carry it, so that it would become another name on its way. */
const HALF = 'a\ud800b'

describe('options', () => {
  let bus: Bus
  beforeEach(() => {
    bus = van({ embedded: true })
  })
  afterEach(() => bus.close())

  it('van() refuses wrong options at once, before it begins anything', () => {
    refuses(van, [
      null,
      'default',
      ...[{ nmae: 'x' }, { name: '' }, { name: 5 }, { name: 'x'.repeat(201) }],
      ...[{ embedded: 'yes' }, { autoStart: 0 }, { verbose: 'yes' }, { leader: 1 }],
      ...[{ port: 0 }, { port: 70_000 }, { port: 'http' }, { maxPayload: 0 }, { maxPayload: 1.5 }],
      ...[{ token: 5 }, { token: '' }, { addr: 5 }, { addr: '' }],
      ...[
        { capabilities: null },
        { capabilities: 5 },
        { capabilities: ['gpu'] },
        { capabilities: { gpu: () => 1 } },
      ],
      ...[{ name: HALF }, { token: HALF }, { addr: HALF }, { capabilities: { [HALF]: 1 } }],
      ...[{ logger: {} }, { logger: 'console' }, { logger: null }],
    ])
  })

  it('van() names addr, and its value, if that is not an address', () => {
    for (const addr of ['http://10.0.0.5/foo', 'a b', '10.0.0.5:99999', '10.0.0.5:x'])
      for (const leader of [false, true]) {
        const { message } = thrown(() => van({ addr, leader })) as Error
        expect(message)
          .to.match(/^addr: /)
          .and.include(JSON.stringify(addr))
      }
  })

  it('connect() refuses wrong options at once', () => {
    const to = (options: never): unknown => connect('http://127.0.0.1:1', options)
    refuses(to, [
      null,
      { nmae: 'x' },
      { name: '' },
      { token: 5 },
      { maxPayload: 0 },
      { ca: 5 },
      { name: HALF },
      { token: HALF },
    ])
    for (const url of ['', 'localhost', '10.0.0.5:1900', 'ftp://localhost', 5])
      expect(
        thrown(() => connect(url as string)),
        String(url),
      ).to.be.instanceOf(InvalidOptionError)
  })

  it('topic() refuses wrong options at once', () => {
    refuses(
      options => bus.topic('t', options),
      [
        null,
        5,
        ...[{ nmae: 'x' }, { name: '' }, { ack: 'never' }, { ordered: 1 }, { overflow: 'drop' }],
        ...[{ prefetch: 0 }, { prefetch: 1.5 }, { attempts: 0 }, { attempts: 2.5 }, { maxPending: 1.5 }],
        ...[{ delay: -1 }, { delay: [] }, { ackTimeout: -1 }, { schema: {} }, { schema: 5 }],
      ],
    )
  })

  it('handle() and publishTo() refuse a wrong first argument at once', () => {
    refuses(handle, [undefined, null, 'not a function'])
    refuses(given => publishTo(given, 'topic'), [undefined, null, {}, { publish: 'no function' }])
    refuses(topic => publishTo(bus, topic), [undefined, null, 7])
    for (const topic of ['', '$x', '$actor/a'])
      expect(thrown(() => publishTo(bus, topic))).to.be.instanceOf(InvalidTopicError)
  })

  it('publishTo() refuses a promise for a topic, and its rejection ends no process', async () => {
    let error: unknown
    const noTopic = (): never => Promise.reject(new Error('no topic')) as never
    const unhandled = await unhandledIn(async () => {
      error = await rejection(lastValueFrom(of(1).pipe(publishTo(bus, noTopic))))
    })
    expect(error).to.be.instanceOf(InvalidTopicError)
    expect(unhandled).to.deep.equal([])
  })

  it('handle() and backoff() refuse wrong options at once', () => {
    refuses(
      options => handle(() => 1, options),
      [
        ...[null, { concurency: 2 }, { concurrency: 0 }, { concurrency: 1.5 }],
        ...[{ attempts: 2.5 }, { attempts: NaN }, { delay: -1 }],
      ],
    )
    refuses(backoff, [null, { base: 2 }, { initial: -1 }, { factor: 0.5 }, { jitter: 2 }])
  })
})
