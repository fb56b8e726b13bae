import { expect } from 'chai'
import fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { InvalidPatternError, InvalidTopicError } from '../../src/index.js'
import { collect, payloads, publishAll, rejection, thrown, topics } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function matching(at: Connected): void {
  describe('matching', () => {
    it('matches a RegExp anywhere in the topic, unless anchored', async () => {
      const bus = at.bus()
      const anywhere = collect(bus.topic(/ord/))
      const anchored = collect(bus.topic(/^ord$/))
      for (const topic of ['ord', 'my.orders', 'or.d', 'ord']) await bus.publish(topic)
      expect(topics(await anywhere.first(3))).to.deep.equal(['ord', 'my.orders', 'ord'])
      expect(topics(await anchored.first(2))).to.deep.equal(['ord', 'ord'])
      await bus.publish('ord')
      expect(topics(await anywhere.first(4))).to.have.lengthOf(anywhere.values.length)
      expect(topics(await anchored.first(3))).to.have.lengthOf(anchored.values.length)
    })

    it('matches a string as the one exact topic', async () => {
      const bus = at.bus()
      const exact = collect(bus.topic('a.b'))
      for (const topic of ['axb', 'a.b.c', 'xa.b', 'A.B', 'a.b']) await bus.publish(topic, topic)
      expect(topics(await exact.first(1))).to.deep.equal(['a.b'])
    })

    for (const flags of ['g', 'y', 'gy']) {
      it(`gives /a/${flags} all of four messages, and leaves its lastIndex alone`, async () => {
        const bus = at.bus()
        const pattern = new RegExp('a', flags)
        pattern.lastIndex = 3
        const seen = collect(bus.topic(pattern))
        for (const topic of ['a', 'xa', 'aaaa', 'a']) await bus.publish(topic)
        const messages = await seen.first(4)
        expect(topics(messages)).to.deep.equal(['a', 'xa', 'aaaa', 'a'])
        expect(messages[1]?.match?.index).to.equal(1)
        expect(pattern.lastIndex).to.equal(3)
      })
    }

    it('honours the other flags', async () => {
      const bus = at.bus()
      const insensitive = collect(bus.topic(/^a\.b$/i))
      const unicode = collect(bus.topic(/^a.b$/u))
      for (const topic of ['A.B', 'a😀b', 'a.b']) await bus.publish(topic)
      expect(topics(await insensitive.first(2))).to.deep.equal(['A.B', 'a.b'])
      expect(topics(await unicode.first(2))).to.deep.equal(['a😀b', 'a.b'])
    })

    it('matches exactly what RegExp.test matches', async () => {
      const bus = at.bus()
      const patterns = [
        /a/,
        /^a/,
        /b$/,
        /^ab?$/,
        /[a-c]+\./,
        /^(?:a|b)\.c/,
        /\./,
        /^.$/,
        /x|^c/,
        /(a)(b)?/,
        /^[^.]+$/,
      ]
      const seen = patterns.map(pattern => collect(bus.topic(pattern)))
      const all = collect(bus.topic(/^/))
      const topic = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', 'x'), minLength: 1, maxLength: 5 })
      await fc.assert(
        fc.asyncProperty(fc.array(topic, { minLength: 1, maxLength: 10 }), async published => {
          for (const each of [...seen, all]) each.values.length = 0
          for (const each of published) await bus.publish(each)
          await bus.publish('a.b.c')
          const sent = [...published, 'a.b.c']
          await all.first(sent.length)
          for (const [index, pattern] of patterns.entries()) {
            const expected = sent.filter(each => pattern.test(each))
            expect(topics((await seen[index]?.first(expected.length)) ?? []), String(pattern)).to.deep.equal(
              expected,
            )
            expect(seen[index]?.values, String(pattern)).to.have.lengthOf(expected.length)
          }
        }),
        { numRuns: 30 },
      )
    })

    it('matches new topics', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^new\./))
      const fresh = Array.from({ length: 50 }, (_, index) => `new.${index}.${Math.random().toString(36)}`)
      for (const topic of fresh) await bus.publish(topic)
      expect(topics(await seen.first(50))).to.deep.equal(fresh)
    })

    it('takes topics and names that Object.prototype has', async () => {
      const bus = at.bus()
      const odd = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
      const any = collect(bus.topic(/^/))
      const exact = odd.map(topic => collect(bus.topic(topic, { name: topic })))
      for (const topic of odd) await bus.publish(topic, topic)
      expect(topics(await any.first(4))).to.deep.equal(odd)
      for (const [index, each] of exact.entries()) {
        expect(payloads(await each.first(1))).to.deep.equal([odd[index]])
      }
    })

    it('gives what the RegExp matched, named groups too, and null for a string', async () => {
      const bus = at.bus()
      const grouped = collect(bus.topic(/^orders\.(?<region>\w+)\.(?<what>\w+)$/))
      const exact = collect(bus.topic('orders.eu.made'))
      await bus.publish('orders.eu.made')
      await bus.publish('orders.us.sent')
      const [first, second] = await grouped.first(2)
      expect({ ...first?.match?.groups }).to.deep.equal({ region: 'eu', what: 'made' })
      expect(second?.match?.[1]).to.equal('us')
      expect({ ...first?.match?.groups }).to.deep.equal({ region: 'eu', what: 'made' })
      expect((await exact.first(1))[0]?.match).to.equal(null)
    })

    it('takes a RegExp of another realm', async () => {
      const bus = at.bus()
      const foreign = runInNewContext('/^foreign/') as RegExp
      expect(foreign).to.not.be.instanceOf(RegExp)
      const seen = collect(bus.topic(foreign))
      await bus.publish('foreign.topic')
      expect(topics(await seen.first(1))).to.deep.equal(['foreign.topic'])
    })

    it('refuses an argument that is not a pattern, at once', () => {
      const bus = at.bus()
      for (const wrong of [undefined, null, 7, {}, [], '', 'x'.repeat(1025)]) {
        expect(thrown(() => bus.topic(wrong as string))).to.be.instanceOf(InvalidPatternError)
      }
    })

    itWith(at, 'anyPattern', 'takes look-around and back-references', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^(\w)\1(?!x)/))
      for (const topic of ['aax', 'ab', 'aay']) await bus.publish(topic)
      expect(topics(await seen.first(1))).to.deep.equal(['aay'])
    })

    itWith(
      at,
      'linearPatterns',
      'refuses a pattern that cannot be matched in linear time, and says why',
      async () => {
        const bus = at.bus()
        for (const [pattern, why] of [
          [/^a(?=b)/, /look/i],
          [/(a)\1/, /back-?reference/i],
          [new RegExp('a'.repeat(600)), /512/],
        ] as const) {
          const error = await collect(bus.topic(pattern)).failure()
          expect(error).to.be.instanceOf(InvalidPatternError)
          expect((error as Error).message).to.match(why)
        }
        const good = collect(bus.topic(/^a/))
        await bus.publish('ab')
        expect(topics(await good.first(1))).to.deep.equal(['ab'])
      },
    )
  })

  describe('topics', () => {
    it('may take up to 1,024 UTF-8 bytes', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^/))
      const longest = ['x'.repeat(1024), 'é'.repeat(512), '😀'.repeat(256)]
      for (const topic of longest) await bus.publish(topic)
      expect(topics(await seen.first(3))).to.deep.equal(longest)
    })

    it('are refused beyond that, when empty, and when no string; the bus goes on', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^/))
      const wrong = [
        '',
        'x'.repeat(1025),
        'é'.repeat(513),
        '😀'.repeat(257),
        'x'.repeat(2 ** 20),
        7,
        null,
        undefined,
        {},
        [],
      ]
      for (const topic of wrong) {
        expect(await rejection(bus.publish(topic as string, 1)), typeof topic).to.be.instanceOf(
          InvalidTopicError,
        )
        const error = await rejection(bus.publish({ topic: topic as string, payload: 1 }))
        expect(error).to.be.instanceOf(InvalidTopicError)
        expect((error as Error).message.length).to.be.lessThan(300)
      }
      await bus.publish('marker')
      expect(topics(await seen.first(1))).to.deep.equal(['marker'])
    })

    it('apps cannot publish to topics that begin with $, which belong to the system', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^\$/))
      const exact = collect(bus.topic('$x'))
      const all = collect(bus.topic(/^/))
      for (const topic of ['$', '$x', '$dead/x', '$SYS']) {
        expect(await rejection(bus.publish(topic))).to.be.instanceOf(InvalidTopicError)
      }
      await bus.publish('a$x')
      expect(topics(await all.first(1))).to.deep.equal(['a$x'])
      expect([...seen.values, ...exact.values]).to.deep.equal([])
    })

    it('only ^\\$ and an exact string match topics that begin with $', async () => {
      const bus = at.bus()
      const apart = [/^/, /./, /dead/, /\$/, /(^\$)/, /^.dead/, /^[$]/, /^(?:)\$/, /dead\/j|marker/]
      const others = apart.map(pattern => collect(bus.topic(pattern)))
      const system = [/^\$/, /^\$dead\//].map(pattern => collect(bus.topic(pattern)))
      const exact = collect(bus.topic('$dead/jobs'))
      bus.topic('job', { name: 'jobs' }).subscribe(message => message.reject('no'))
      await bus.ready()
      await publishAll(bus, 'job', [1])
      for (const each of [...system, exact]) expect(topics(await each.first(1))).to.deep.equal(['$dead/jobs'])
      await bus.publish('dead$marker')
      for (const [index, each] of others.entries()) {
        if (apart[index]?.test('dead$marker') === true) await each.first(1)
        expect(
          topics(each.values).filter(topic => topic.startsWith('$')),
          String(apart[index]),
        ).to.deep.equal([])
      }
    })
  })
}
