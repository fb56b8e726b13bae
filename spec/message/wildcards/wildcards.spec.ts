import { expect } from 'chai'
import fc from 'fast-check'
import { linearMatcher } from '../../../src/broker/patterns/linear/linear-matcher.js'
import { InvalidPatternError, mqtt, wildcard } from '../../../src/index.js'
import { thrown } from '../../support/messages.js'

/** NATS, by its tokens. */
function subjectMatches(subject: string, topic: string): boolean {
  const [token, ...rest] = subject.split('.')
  if (token === '>') return topic !== ''
  const at = topic.indexOf('.')
  const first = at < 0 ? topic : topic.slice(0, at)
  if (token === '*' ? first === '' : token !== first) return false
  if (rest.length === 0) return at < 0
  return at >= 0 && subjectMatches(rest.join('.'), topic.slice(at + 1))
}

/** MQTT 5, section 4.7, by its levels. */
function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true
    if (levels.length <= at || (level !== '+' && level !== levels[at])) return false
  }
  return levels.length === wanted.length
}

const unit = fc.constantFrom(...Array.from('aabb$^\\[](){}|?-,\n \u2028é😀'))
const word = (unlike: RegExp) => fc.string({ unit, maxLength: 3 }).map(text => text.replace(unlike, ''))
const topicOf = (separator: string, odd: string) =>
  fc
    .array(fc.oneof(fc.constantFrom('a', 'b', '', odd, '$'), word(/[./]/g)), { minLength: 1, maxLength: 5 })
    .map(parts => parts.join(separator))
    .filter(topic => topic !== '')

const kinds = [
  {
    make: wildcard,
    matches: subjectMatches,
    texts: fc
      .tuple(
        fc.array(
          fc.oneof(
            fc.constantFrom('a', 'b', '*', '+', '#', '$'),
            word(/[.*>]/g).map(part => part || 'a'),
          ),
          {
            maxLength: 4,
          },
        ),
        fc.constantFrom('a', '*', '>'),
      )
      .map(([tokens, last]) => [...tokens, last].join('.')),
    topics: topicOf('.', '*'),
  },
  {
    make: mqtt,
    matches: filterMatches,
    texts: fc
      .tuple(
        fc.array(fc.oneof(fc.constantFrom('a', 'b', '+', '', '*', '>', '$'), word(/[/+#]/g)), {
          maxLength: 4,
        }),
        fc.constantFrom('a', '+', '#', ''),
      )
      .map(([levels, last]) => [...levels, last].join('/'))
      .filter(filter => filter !== ''),
    topics: topicOf('/', '+'),
  },
]

describe('wildcards', () => {
  for (const { make, matches, texts, topics } of kinds) {
    it(`${make.name}() matches as its reference does, in a host too`, () => {
      let matched = 0
      let compared = 0
      fc.assert(
        fc.property(texts, fc.array(topics, { minLength: 20, maxLength: 20 }), (text, candidates) => {
          const pattern = make(text)
          const linear = linearMatcher(pattern)
          // With a topic that is sure to be alike.
          const alike = text.replace(/[*>+#]/g, 'b')
          for (const topic of [alike, text, ...candidates]) {
            const expected = matches(text, topic)
            const found = { native: pattern.test(topic), linear: linear.test(topic) }
            expect(found, `${make.name}(${JSON.stringify(text)}) on ${JSON.stringify(topic)}`).to.deep.equal({
              native: expected,
              linear: expected,
            })
            compared += 1
            if (expected) matched += 1
          }
        }),
        { numRuns: 2_000 },
      )
      expect(matched).to.be.within(compared * 0.05, compared * 0.95)
    })
  }

  const examples: [make: (text: string) => RegExp, text: string, yes: string[], no: string[]][] = [
    [
      wildcard,
      'orders.*.created',
      ['orders.eu.created'],
      ['orders.created', 'orders.a.b.created', 'xorders.eu.created', 'orders..created'],
    ],
    [wildcard, 'orders.>', ['orders.a', 'orders.a.b', 'orders.a\nb'], ['orders', 'orders.', 'ordersXa']],
    [wildcard, '>', ['a', 'a.b'], []],
    [wildcard, '*', ['a', 'a/b'], ['a.b']],
    [wildcard, 'a+(b)[c]', ['a+(b)[c]'], ['aab', 'ab']],
    [mqtt, 'a/+/#', ['a/b', 'a/b/c', 'a/b/c/d', 'a//'], ['a', 'b/b']],
    [mqtt, 'sport/#', ['sport', 'sport/', 'sport/tennis'], ['sports', 'a/sport']],
    [mqtt, '#', ['a', 'a/b', '/'], ['$SYS', '$SYS/a']],
    [mqtt, '+/+', ['/finance', 'a/b', 'a/'], ['$SYS/a', 'a', 'a/b/c']],
    [mqtt, '+/#', ['a', 'a/b', '/'], ['$SYS/a', '$SYS']],
    [mqtt, '/+', ['/finance', '/'], ['finance', 'a/b']],
    [mqtt, '+', ['finance'], ['/finance', '$SYS']],
    [mqtt, '$SYS/#', ['$SYS', '$SYS/a'], ['SYS/a']],
    [mqtt, 'a.b', ['a.b'], ['axb']],
  ]
  for (const [make, text, yes, no] of examples) {
    it(`${make.name}('${text}')`, () => {
      const pattern = make(text)
      for (const topic of yes) expect(pattern.test(topic), topic).to.equal(true)
      for (const topic of no) expect(pattern.test(topic), topic).to.equal(false)
    })
  }

  it('begin with ^\\$ if their text begins with $, so that they reach system topics', () => {
    expect(wildcard('$dead.>').source).to.match(/^\^\\\$/)
    expect(mqtt('$dead/#').source).to.match(/^\^\\\$/)
  })

  const refusals: [make: (text: string) => RegExp, text: unknown, why: RegExp][] = [
    ...['orders..a', '.a', 'a.', '.', '..'].map(text => [wildcard, text, /a token is empty/] as never),
    ...['a.>.b', '>.a'].map(text => [wildcard, text, /is the last token/] as never),
    ...['a*', 'a.*b', 'a>', '**', '*>'].map(text => [wildcard, text, /stand for whole tokens/] as never),
    ...['#/a', 'a/#/b', '#/#'].map(text => [mqtt, text, /is the last level/] as never),
    ...['a#', 'a+/b', 'a/b#', '++', '+#'].map(text => [mqtt, text, /stand for whole levels/] as never),
    [mqtt, '$share/group/a', /shared subscription.*name: 'group'/],
    [mqtt, 'a\0', /a NUL/],
    ...[wildcard, mqtt].flatMap(make => [
      ...['', undefined, null, 7, {}, /a/].map(text => [make, text, /takes a (non-empty )?string/] as never),
      [make, 'a\ud83d', /half a surrogate pair/] as never,
      [make, 'a'.repeat(600), /603? bytes|602 bytes/] as never,
      [make, 'é'.repeat(300), /602 bytes/] as never,
      [make, '.'.repeat(100_000) + '*', /./] as never,
    ]),
  ]
  it('refuse what is none, and say why', () => {
    for (const [make, text, why] of refusals) {
      const error = thrown(() => make(text as string))
      expect(error, `${make.name}(${String(text).slice(0, 20)})`).to.be.instanceOf(InvalidPatternError)
      expect((error as Error).message).to.match(why)
      expect((error as Error).message.length).to.be.lessThan(300)
    }
  })
})
