import { expect } from 'chai'
import fc from 'fast-check'
import { linearMatcher } from '../../../src/broker/patterns/linear/linear-matcher.js'
import { PatternTable } from '../../../src/broker/patterns/pattern-table.js'
import { InvalidPatternError } from '../../../src/errors.js'
import { type Matcher, nativeMatcher, reachesSystemTopics } from '../../../src/message/pattern.js'
import { appPatterns, hostPatterns, nativeIsWrong, topics } from '../../support/pattern-arbitraries.js'

type Step =
  | { kind: 'add'; pattern: RegExp | string; value: number }
  | { kind: 'remove'; which: number }
  | { kind: 'match'; topic: string }

/** Few enough topics that they come again, and are cached. */
const fewTopics = fc.constantFrom(
  'a',
  'ab',
  'b.c',
  'k',
  '$a',
  '$sys.a',
  'a\nb',
  'K\u017f',
  'abab-1',
  '_ _',
  '😀',
  'S',
)

function steps(patterns: fc.Arbitrary<RegExp>): fc.Arbitrary<Step[]> {
  const usual = fc.constantFrom(/a/, /a/g, /^a/, /^\$/, /./, /b|c/, /^.{2}$/, /k/i, /(a)(b)/)
  const pattern = fc.oneof(
    { weight: 3, arbitrary: usual },
    { weight: 3, arbitrary: patterns },
    { weight: 2, arbitrary: fewTopics },
  )
  return fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), pattern, value: fc.nat(5) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(20) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('match' as const), topic: fewTopics }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('match' as const), topic: topics }) },
    ),
    { minLength: 10, maxLength: 120 },
  )
}

function oneByOne(additions: { pattern: RegExp | string; value: number }[], topic: string): number[] {
  const matching = additions.filter(({ pattern }) => {
    if (typeof pattern === 'string') return pattern === topic
    return (!topic.startsWith('$') || reachesSystemTopics(pattern)) && nativeMatcher(pattern).test(topic)
  })
  return [...new Set(matching.map(({ value }) => value))]
}

/** @returns what takes it out again */
function put<V>(table: PatternTable<V>, pattern: RegExp | string, value: V): () => boolean {
  const addition = table.add(pattern, value)
  return () => table.remove(pattern, addition)
}

function runSteps(
  compile: (pattern: RegExp) => Matcher,
  cachedTopics: number | undefined,
  script: Step[],
): void {
  const table = new PatternTable<number>(compile, cachedTopics === undefined ? {} : { cachedTopics })
  const additions: { pattern: RegExp | string; value: number; remove: () => boolean }[] = []
  const given: [readonly number[], number[]][] = []
  for (const step of script) {
    if (step.kind === 'add') {
      try {
        additions.push({ ...step, remove: put(table, step.pattern, step.value) })
      } catch (error) {
        expect(error).to.be.instanceOf(InvalidPatternError)
      }
    } else if (step.kind === 'remove') {
      const [gone] = additions.splice(step.which % Math.max(additions.length, 1), 1)
      gone?.remove()
      expect(gone?.remove() ?? false).to.equal(false)
    } else {
      if (additions.some(({ pattern }) => typeof pattern !== 'string' && nativeIsWrong(pattern, step.topic)))
        continue
      const values = table.match(step.topic)
      expect(values).to.deep.equal(oneByOne(additions, step.topic), step.topic)
      given.push([values, [...values]])
    }
    expect(table.size).to.equal(additions.length)
  }
  for (const [values, then] of given) expect(values).to.deep.equal(then)
}

/** From the middle outwards and over again: neither first come nor last come. */
function scattered<T>(list: T[]): T[] {
  return list.map((_, i) => list[(i * 37 + 50) % list.length] as T)
}

describe('PatternTable', () => {
  const kinds = [
    { name: 'native', compile: nativeMatcher, patterns: appPatterns },
    { name: 'linear', compile: linearMatcher, patterns: hostPatterns },
  ]
  for (const { name, compile, patterns } of kinds) {
    for (const cachedTopics of [undefined, 0, 4]) {
      it(`matches as one by one would, ${name}, cachedTopics: ${cachedTopics ?? 'default'}`, function () {
        // As in required-literals.spec.ts: V8 may backtrack for a minute.
        this.timeout(600_000)
        fc.assert(
          fc.property(steps(patterns), script => runSteps(compile, cachedTopics, script)),
          { numRuns: 400 },
        )
      })
    }
  }

  for (const { name, compile, patterns } of kinds) {
    it(`finds of thousands of patterns those that match, two million pairs, ${name}`, function () {
      // As in required-literals.spec.ts: V8 may backtrack for a minute.
      this.timeout(600_000)
      const table = new PatternTable<number>(compile)
      const added = fc.sample(patterns, { numRuns: 2_000 }).flatMap((pattern, value) => {
        try {
          table.add(pattern, value)
          return [{ pattern, value, native: nativeMatcher(pattern) }]
        } catch (error) {
          expect(error).to.be.instanceOf(InvalidPatternError)
          return []
        }
      })
      for (const topic of fc.sample(topics, { numRuns: 1_100 })) {
        const isSystem = topic.startsWith('$')
        const wanted = added.filter(
          ({ pattern, native }) => (!isSystem || reachesSystemTopics(pattern)) && native.test(topic),
        )
        const found = new Set(table.match(topic))
        const differs = added.filter(each => wanted.includes(each) !== found.has(each.value))
        for (const { pattern } of differs)
          expect(nativeIsWrong(pattern, topic), `${String(pattern)} on ${topic}`).to.equal(true)
      }
    })
  }

  it('keeps a cached topic right through more changes than it remembers', () => {
    const table = new PatternTable<number>(nativeMatcher)
    table.add(/a/, -1)
    for (const changes of [1, 2, 31, 32, 33, 64, 65, 200]) {
      expect(table.match('ab')).to.deep.equal([-1])
      const removes = Array.from({ length: changes }, (_, i) => put(table, i % 2 === 0 ? /b/ : /c/, i))
      expect(table.match('ab')).to.deep.equal([
        -1,
        ...Array.from({ length: Math.ceil(changes / 2) }, (_, i) => i * 2),
      ])
      for (const remove of removes) remove()
    }
  })

  it('gives the order of addition, whatever the way to it', () => {
    const table = new PatternTable<string>(nativeMatcher)
    table.add(/./, 'any')
    table.add('ab', 'exact')
    table.add(/^ab$/, 'edges')
    table.add(/./, 'any again')
    const remove = put(table, 'ab', 'exact again')
    table.add(/b/, 'last')
    expect(table.match('ab')).to.deep.equal(['any', 'exact', 'edges', 'any again', 'exact again', 'last'])
    remove()
    table.add('ab', 'anew')
    expect(table.match('ab')).to.deep.equal(['any', 'exact', 'edges', 'any again', 'last', 'anew'])
  })

  it('never changes an array that it gave', () => {
    const table = new PatternTable<number>(nativeMatcher)
    const remove = put(table, /a/, 1)
    const before = table.match('a')
    table.add(/a/, 2)
    table.add('a', 3)
    remove()
    expect(table.match('a')).to.deep.equal([2, 3])
    expect(before).to.deep.equal([1])
  })

  it('gives the same array while nothing changes', () => {
    const table = new PatternTable<number>(nativeMatcher)
    table.add(/a/, 1)
    const first = table.match('a')
    expect(table.match('a')).to.equal(first)
    table.add(/b/, 2)
    expect(table.match('a')).to.equal(first)
  })

  it('keeps system topics to those who ask for them', () => {
    const table = new PatternTable<string>(nativeMatcher)
    table.add(/dead/, 'no')
    table.add(/^(?:\$dead)/, 'no')
    table.add(/^\$dead/, 'yes')
    table.add('$dead/a', 'exact')
    expect(table.match('$dead/a')).to.deep.equal(['yes', 'exact'])
    expect(table.match('x$dead/a')).to.deep.equal(['no'])
  })

  it('compiles equal patterns once, and a refused one leaves nothing behind', () => {
    let compiled = 0
    const table = new PatternTable<number>(pattern => {
      compiled++
      return linearMatcher(pattern)
    })
    const removes = [/a/, /a/g, new RegExp('a', 'y')].map((pattern, i) => put(table, pattern, i))
    expect(compiled).to.equal(1)
    expect(() => table.add(/(?=a)/, 4)).to.throw(InvalidPatternError)
    expect(table.match('a')).to.deep.equal([0, 1, 2])
    for (const remove of removes) remove()
    expect(table.size).to.equal(0)
    expect(table.match('a')).to.deep.equal([])
  })

  it('remembers no more topics than it may', () => {
    const table = new PatternTable<number>(nativeMatcher, { cachedTopics: 100 })
    table.add(/7/, 7)
    let most = 0
    for (let i = 0; i < 50_000; i++) {
      expect(table.match(`topic.${i}`).length).to.equal(String(i).includes('7') ? 1 : 0)
      most = Math.max(most, table.cachedTopics)
    }
    expect(most).to.be.within(50, 100)
  })

  it('remembers fewer topics when each has very many matches', () => {
    const table = new PatternTable<number>(nativeMatcher)
    for (let i = 0; i < 20_000; i++) table.add(/topic/, i)
    let most = 0
    for (let i = 0; i < 50; i++) {
      expect(table.match(`topic.${i}`).length).to.equal(20_000)
      most = Math.max(most, table.cachedTopics)
    }
    expect(most).to.be.within(5, 12)
  })

  it('runs few matchers among very many patterns', () => {
    let tests = 0
    const table = new PatternTable<number>(pattern => ({
      test: topic => {
        tests++
        return pattern.test(topic)
      },
    }))
    for (let i = 0; i < 20_000; i++) table.add(new RegExp(`^(orders|payments)\\.${i}\\.[a-z]+$`), i)
    expect(table.match('orders.12345.created')).to.deep.equal([12_345])
    expect(tests).to.equal(1)
  })

  it('asks all patterns that share their literals, and none that is gone', () => {
    const asked = new Set<string>()
    const table = new PatternTable<number>(pattern => ({
      test: topic => {
        asked.add(pattern.source)
        return pattern.test(topic)
      },
    }))
    for (const shape of ['shared.', '.']) {
      const there = new Map(
        Array.from({ length: 100 }, (_, i) => {
          const pattern = new RegExp(`${shape}{1,${i + 1}}`)
          return [pattern.source, put(table, pattern, i)] as const
        }),
      )
      let round = 0
      for (const [source, remove] of scattered([...there])) {
        remove()
        there.delete(source)
        asked.clear()
        expect(table.match(`shared!${round++}`).length).to.equal(there.size)
        expect([...asked].sort()).to.deep.equal([...there.keys()].sort())
      }
    }
  })
})
