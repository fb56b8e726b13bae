import { expect } from 'chai'
import { EMPTY, NEVER, Observable, of, Subject, timer } from 'rxjs'
import {
  ClosedError,
  InvalidOptionError,
  InvalidPatternError,
  InvalidPayloadError,
  InvalidTopicError,
  NoResponderError,
  RemoteError,
  TimeoutError,
  type Message,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, rejection, reports, thrown, upTo } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function requesting(at: Connected): void {
  describe('request and reply', () => {
    const inForce = async () => {
      await at.bus().ready()
      await at.another().ready()
    }

    /** A responder that is in force. */
    const replying = async <P = unknown>(
      pattern: RegExp | string,
      responder: (message: Message<P>) => unknown,
      options = {},
    ) => {
      const reply = at.bus().reply(pattern, responder, options)
      await inForce()
      return reply
    }

    it('the answer comes back: of a value, a promise, an Observable', async () => {
      await replying<number>('double', ({ payload }) => payload * 2)
      await replying<number>('later', ({ payload }) => Promise.resolve(payload + 1))
      await replying('first', () => of('a', 'b'))
      await replying('late', () => timer(5))
      await replying('none', () => EMPTY)
      await replying('list', () => [1, 2])
      await replying('iterable', async function* () {
        yield await Promise.resolve('one')
      })
      const ask = (topic: string, payload?: unknown) => at.another().request(topic, payload)
      expect(await ask('double', 4)).to.equal(8)
      expect(await ask('later', 4)).to.equal(5)
      expect(await ask('first')).to.equal('a')
      expect(await ask('late')).to.equal(0)
      expect(await ask('none')).to.equal(undefined)
      expect(await ask('list')).to.deep.equal([1, 2])
      expect(await ask('iterable')).to.equal('one')
    })

    it('an Observable is unsubscribed after its first value', async () => {
      let running = 0
      await replying('many', () => {
        running += 1
        return new Observable<number>(subscriber => {
          subscriber.next(1)
          subscriber.next(2)
          return () => (running -= 1)
        })
      })
      expect(await at.another().request('many')).to.equal(1)
      await eventually(() => expect(running).to.equal(0))
    })

    it('requests and answers may be anything that a payload may be', async () => {
      await replying('echo', ({ payload }) => of(payload))
      for (const value of [undefined, null, 0n, new Date(7), new Map([[{ a: 1 }, new Set([NaN])]]), [-0]])
        expect(await at.another().request('echo', value)).to.deep.equal(value)
    })

    it('a thousand at once are each answered by their own answer', async () => {
      await replying<number>(/^square\./, ({ payload }) => payload * payload, { concurrency: 7 })
      const numbers = upTo(1_000)
      const answers = await Promise.all(numbers.map(n => at.another().request('square.n', n)))
      expect(answers).to.deep.equal(numbers.map(n => n * n))
    })

    it('the responder sees a message with its own topic, its match, and nothing of msgvan’s', async () => {
      const seen: unknown[] = []
      await replying(/^stock\.(?<item>\w+)$/, message => {
        const { topic, payload, headers, attempt, redelivered, match } = message
        seen.push({ topic, payload, headers, attempt, redelivered, item: match?.groups?.['item'] })
        return 1
      })
      await at.another().request('stock.pens', 7)
      expect(seen).to.deep.equal([
        {
          ...{ topic: 'stock.pens', payload: 7, headers: {} },
          ...{ attempt: 1, redelivered: false, item: 'pens' },
        },
      ])
    })

    it('a pattern matches the topic of the request as everywhere: anchored or not, alternatives, flags', async () => {
      const cases: [RegExp, string[], string[]][] = [
        [/^a\.|z$/, ['a.b', 'b.z'], ['b.a', 'zb']],
        [/request/, ['a.request', 'requests'], ['re']],
        [/(?:^|\.)sub/, ['sub', 'a.sub'], ['asub']],
        [/^A$/i, ['a', 'A'], ['aa']],
        [/\bw/, ['w', 'a w'], ['aw']],
        [/^/, ['anything'], []],
      ]
      for (const [pattern, matching, others] of cases) {
        const reply = await replying(pattern, () => String(pattern))
        for (const topic of matching) expect(await at.another().request(topic)).to.equal(String(pattern))
        for (const topic of others)
          expect(await failureOf(at.another().request(topic))).to.be.instanceOf(NoResponderError)
        reply.unsubscribe()
        await inForce()
      }
    })

    it('without a responder it fails at once', async () => {
      const error = await failureOf(at.bus().request('no.one', 1, { timeout: 60_000 }))
      expect(error).to.be.instanceOf(NoResponderError).and.include({ code: 'MSGVAN_NO_RESPONDER' })
      expect(error.message).to.include('no.one')
      const reply = await replying('gone', () => 1)
      expect(await at.another().request('gone')).to.equal(1)
      reply.unsubscribe()
      await inForce()
      expect(await failureOf(at.another().request('gone'))).to.be.instanceOf(NoResponderError)
    })

    it('all matching responders are one pool: one of them gets each request', async () => {
      const seen: string[] = []
      const by = (who: string) => () => seen.push(who)
      at.bus().reply('pool', by('exact'))
      at.bus().reply(/^po/, by('pattern'))
      at.another().reply(/ol$/, by('other bus'))
      at.another().reply('pool', by('named'), { name: 'workers' })
      await inForce()
      for (let n = 0; n < 40; n += 1) await at.another().request('pool')
      expect(seen).to.have.length(40)
      expect(new Set(seen).size).to.be.greaterThan(1)
    })

    it('responders under one name share the work, and the name ends with them', async () => {
      const seen = new Set<string>()
      const busy = (who: string) => async () => {
        seen.add(who)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      const options = { name: 'clerks', concurrency: 1 }
      const replies = [
        at.bus().reply('work', busy('a'), options),
        at.another().reply('work', busy('b'), options),
      ]
      await inForce()
      const names = async () => (await at.bus().status()).subscriptions.map(({ name }) => name)
      expect(await names()).to.include('clerks')
      await Promise.all(upTo(10).map(() => at.bus().request('work')))
      expect([...seen].sort()).to.deep.equal(['a', 'b'])
      for (const reply of replies) reply.unsubscribe()
      await eventually(async () => expect(await names()).to.not.include('clerks'))
      const told = reports(at.bus())
      at.bus().reply('work', () => 1, { name: 'clerks' })
      await inForce()
      at.another().reply(/other/, () => 1, { name: 'clerks' })
      const others = reports(at.another())
      await inForce()
      await eventually(() => expect(new Set([...told.values, ...others.values])).to.have.length(1))
    })

    it('`concurrency` bounds the work; the rest waits, and counts in `status`', async () => {
      const gate = new Subject<void>()
      let running = 0
      let most = 0
      await replying(
        'slow',
        async () => {
          most = Math.max(most, (running += 1))
          await new Promise<void>(resolve => gate.subscribe(() => resolve()))
          running -= 1
        },
        { name: 'slow', concurrency: 2 },
      )
      const asked = upTo(5).map(() => at.another().request('slow'))
      const counts = async () => {
        const { subscriptions } = await at.bus().status()
        const { pending, inFlight } = subscriptions.find(({ name }) => name === 'slow') ?? {}
        return { pending, inFlight }
      }
      await eventually(async () => expect(await counts()).to.deep.equal({ pending: 3, inFlight: 2 }))
      const open = setInterval(() => gate.next(), 5)
      await Promise.all(asked)
      clearInterval(open)
      expect(most).to.equal(2)
    })

    it('an error of the responder is the answer, and crosses with its code, message and cause', async () => {
      let calls = 0
      await replying('fails', ({ payload }) => {
        calls += 1
        if (payload === 'text') throw 'a text'
        if (payload === 'own') throw new InvalidOptionError('no', { cause: new Error('beneath') })
        if (payload === 'function') return Promise.reject(Object.assign(new Error('odd'), { cause: () => 1 }))
        return Promise.reject(
          Object.assign(new RangeError('not that many', { cause: new Error('empty') }), { code: 'E_STOCK' }),
        )
      })
      const failure = async (how?: string) => failureOf(at.another().request('fails', how))
      const error = await failure()
      expect(error)
        .to.be.instanceOf(RemoteError)
        .and.include({ message: 'not that many', code: 'MSGVAN_REMOTE' })
      expect(error.cause)
        .to.be.instanceOf(RangeError)
        .and.include({ code: 'E_STOCK', message: 'not that many' })
      expect((error.cause as Error).cause)
        .to.be.instanceOf(Error)
        .and.include({ message: 'empty' })
      expect(await failure('text')).to.include({ message: 'a text', cause: 'a text' })
      const own = await failure('own')
      expect(own).to.be.instanceOf(InvalidOptionError).and.include({ message: 'no' })
      expect(own.cause).to.include({ message: 'beneath' })
      expect(await failure('function'))
        .to.be.instanceOf(RemoteError)
        .and.include({ message: 'odd' })
      expect(calls).to.equal(4)
    })

    itWith(at, 'copies', 'an answer that cannot cross is an error', async () => {
      await replying('function', () => of(() => 1))
      expect(await failureOf(at.another().request('function'))).to.be.instanceOf(InvalidPayloadError)
    })

    it('the time runs out, and the work is aborted', async () => {
      let signal: AbortSignal | undefined
      let isDown = false
      await replying('never', message => {
        signal = message.signal
        return new Observable(() => () => (isDown = true))
      })
      const error = await failureOf(at.another().request('never', 1, { timeout: 150 }))
      expect(error).to.be.instanceOf(TimeoutError).and.include({ code: 'MSGVAN_TIMEOUT' })
      expect(error.message).to.include('150 ms').and.include('never')
      await eventually(() => expect([signal?.aborted, isDown]).to.deep.equal([true, true]))
    })

    it('the asker’s signal gives it up with its reason, and the work is aborted', async () => {
      let signal: AbortSignal | undefined
      await replying('never', message => {
        signal = message.signal
        return NEVER
      })
      const controller = new AbortController()
      const asked = failureOf(at.another().request('never', 1, { signal: controller.signal }))
      await eventually(() => expect(signal).to.not.equal(undefined))
      const reason = new Error('enough')
      controller.abort(reason)
      expect(await asked).to.equal(reason)
      await eventually(() => expect(signal?.aborted).to.equal(true))
      expect(await failureOf(at.another().request('never', 1, { signal: controller.signal }))).to.equal(
        reason,
      )
    })

    it('after its answer a request aborts nothing', async () => {
      let signal: AbortSignal | undefined
      await replying('quick', message => {
        signal = message.signal
        return 1
      })
      expect(await at.another().request('quick')).to.equal(1)
      await inForce()
      expect(signal?.aborted).to.equal(false)
    })

    it('a responder that leaves hands its requests to another', async () => {
      let signal: AbortSignal | undefined
      const leaving = await replying('handed', message => {
        signal = message.signal
        return NEVER
      })
      const asked = at.another().request('handed')
      await eventually(() => expect(signal).to.not.equal(undefined))
      at.another().reply(/^handed$/, () => 'the other')
      await inForce()
      leaving.unsubscribe()
      expect(await asked).to.equal('the other')
      expect(signal?.aborted).to.equal(true)
    })

    it('when the last responder leaves, its requests end with NoResponderError', async () => {
      let calls = 0
      const leaving = await replying('last', () => ((calls += 1), NEVER), { concurrency: 1 })
      const asked = [1, 2].map(n => failureOf(at.another().request('last', n)))
      await eventually(() => expect(calls).to.equal(1))
      leaving.unsubscribe()
      for (const error of await Promise.all(asked)) expect(error).to.be.instanceOf(NoResponderError)
    })

    it('no subscription sees a request, and none may', async () => {
      const seen = collect(at.bus().topic(/./))
      const system = collect(at.bus().topic(/^\$/))
      const own = collect(at.bus().topic('mine'))
      await replying('mine', () => 1)
      await at.another().request('mine')
      await at.bus().publish('mine', 'a message')
      await eventually(() => expect(own.values).to.have.length(1))
      expect(seen.values.map(({ payload }) => payload)).to.deep.equal(['a message'])
      expect(system.values.filter(({ topic }) => topic.includes('mine'))).to.deep.equal([])
      expect(thrown(() => at.bus().topic('$request/mine'))).to.be.instanceOf(InvalidPatternError)
      expect(thrown(() => at.bus().topic(/^\$request\/(?:mine)/))).to.be.instanceOf(InvalidPatternError)
    })

    it('messages do not reach responders', async () => {
      const calls: unknown[] = []
      await replying(/./, ({ topic }) => calls.push(topic))
      await at.another().publish('just.a.message', 1)
      await at.another().request('a.request')
      expect(calls).to.deep.equal(['a.request'])
    })

    it('close() of the asker rejects what is not answered', async () => {
      let calls = 0
      await replying('never', () => ((calls += 1), NEVER))
      const asked = failureOf(at.another().request('never'))
      await eventually(() => expect(calls).to.equal(1))
      await at.another().close({ drain: false })
      expect(await asked).to.be.instanceOf(ClosedError)
      expect(await failureOf(at.another().request('never'))).to.be.instanceOf(ClosedError)
      expect(thrown(() => at.another().reply('never', () => 1))).to.be.instanceOf(ClosedError)
    })

    it('close() of a responder finishes the work in hand, which is answered', async () => {
      const gate = new Subject<void>()
      let calls = 0
      await replying(
        'slow',
        () =>
          new Promise<string>(resolve => {
            calls += 1
            gate.subscribe(() => resolve('done'))
          }),
      )
      const asked = at.another().request('slow')
      await eventually(() => expect(calls).to.equal(1))
      const closing = at.bus().close()
      await new Promise(resolve => setTimeout(resolve))
      gate.next()
      expect(await asked).to.equal('done')
      await closing
      if (at.kind.features.severalBuses === true)
        expect(await failureOf(at.another().request('slow'))).to.be.instanceOf(NoResponderError)
    })

    it('a responder may ask another one, also while its bus drains', async () => {
      const gate = new Subject<void>()
      let calls = 0
      at.another().reply('inner', ({ payload }) => `inner ${String(payload)}`)
      await replying('outer', async ({ payload }) => {
        calls += 1
        await new Promise<void>(resolve => gate.subscribe(() => resolve()))
        return at.bus().request('inner', payload)
      })
      const asked = at.another().request('outer', 7)
      await eventually(() => expect(calls).to.equal(1))
      const closing = at.bus().close()
      await new Promise(resolve => setTimeout(resolve))
      gate.next()
      expect(await asked).to.equal('inner 7')
      await closing
    })

    it('wrong arguments are refused at once', async () => {
      const bus = at.bus()
      const refusal = (ask: () => Promise<unknown>) => failureOf(ask())
      expect(await refusal(() => bus.request(''))).to.be.instanceOf(InvalidTopicError)
      expect(await refusal(() => bus.request('$dead/x'))).to.be.instanceOf(InvalidTopicError)
      expect(await refusal(() => bus.request('x'.repeat(1_020)))).to.be.instanceOf(InvalidTopicError)
      for (const options of [{ timeout: -1 }, { attempts: 0 }, { signal: {} }, { tries: 1 }])
        expect(await refusal(() => bus.request('t', 1, options as object))).to.be.instanceOf(
          InvalidOptionError,
        )
      for (const pattern of ['', '$dead/x', 7])
        expect(thrown(() => bus.reply(pattern as string, () => 1))).to.be.instanceOf(InvalidPatternError)
      expect(thrown(() => bus.reply('t', 7 as unknown as () => 1))).to.be.instanceOf(InvalidOptionError)
      for (const options of [{ concurrency: 0 }, { name: '' }, { workers: 1 }])
        expect(thrown(() => bus.reply('t', () => 1, options))).to.be.instanceOf(InvalidOptionError)
    })
  })
}

async function failureOf(asked: Promise<unknown>): Promise<Error> {
  return (await rejection(asked)) as Error
}
