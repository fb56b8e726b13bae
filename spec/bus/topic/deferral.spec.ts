import { expect } from 'chai'
import {
  concatMap,
  debounceTime,
  map,
  merge,
  retry,
  startWith,
  Subject,
  takeUntil,
  timer,
  toArray,
  type Observable,
} from 'rxjs'
import { createBus } from '../../../src/bus/create-bus.js'
import { embeddedBroker } from '../../../src/embedded.js'
import { publishTo, type Message, type MsgvanError } from '../../../src/index.js'
import { collect } from '../../support/messages.js'

describe('the warning that a pipe passes values on late', () => {
  const elsewhere = { publish: () => Promise.resolve() }
  const later = () => new Promise<void>(resolve => setTimeout(resolve, 1))

  /** Codes of what is in the log alone, after two messages. */
  async function warnings(
    pipe: (topic$: Observable<Message>) => Observable<unknown>,
    options: { ack?: 'manual' } = {},
  ): Promise<string[]> {
    const broker = embeddedBroker('default')
    const bus = createBus('default', broker)
    const warned: MsgvanError[] = []
    broker.lateErrors$.subscribe(error => warned.push(error))
    broker.errors$.subscribe(error => warned.push(error))
    const seen = collect(pipe(bus.topic('t', options)))
    for (const n of [1, 2]) {
      await bus.publish('t', n)
      await later()
      await later()
    }
    await bus.close()
    seen.unsubscribe()
    return warned.map(({ code }) => code)
  }

  it('is in the log once for each pipe', async () => {
    expect(await warnings(topic$ => topic$.pipe(concatMap(later)))).to.deep.equal(['MSGVAN_PIPELINE_DEFERS'])
    expect(await warnings(topic$ => topic$.pipe(debounceTime(1)))).to.deep.equal(['MSGVAN_PIPELINE_DEFERS'])
  })

  for (const [what, pipe] of Object.entries<(topic$: Observable<Message>) => Observable<unknown>>({
    'a pipe that passes them on at once': topic$ => topic$.pipe(map(({ payload }) => payload)),
    'values of another source': topic$ => merge(topic$, timer(1, 1)),
    'values before the first message': topic$ => topic$.pipe(startWith('first')),
    'publishTo behind an operator that threw': topic$ =>
      topic$.pipe(
        map(message => {
          if (message.attempt === 1) throw new Error('the first attempt')
          return message
        }),
        publishTo(elsewhere, 'u'),
        retry(),
      ),
    'values at the end': topic$ => topic$.pipe(toArray()),
    'values at the end by takeUntil': topic$ => topic$.pipe(takeUntil(new Subject()), toArray()),
  })) {
    it(`is not about ${what}`, async () => {
      expect(await warnings(pipe)).to.deep.equal([])
    })
  }

  it("is not about ack: 'manual'", async () => {
    const acking = concatMap(async (message: Message) => {
      await later()
      message.ack()
    })
    expect(await warnings(topic$ => topic$.pipe(acking), { ack: 'manual' })).to.deep.equal([])
  })
})
