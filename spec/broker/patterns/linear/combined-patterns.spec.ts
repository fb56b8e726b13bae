import { expect } from 'chai'
import fc from 'fast-check'
import { CombinedPatterns, type Group } from '../../../../src/broker/patterns/linear/combined-patterns.js'
import { compileProgram } from '../../../../src/broker/patterns/linear/compile-program.js'
import type { Program } from '../../../../src/broker/patterns/linear/program.js'
import { linearMatcher } from '../../../../src/broker/patterns/linear/linear-matcher.js'
import { PatternTable } from '../../../../src/broker/patterns/pattern-table.js'
import { InvalidPatternError, LimitError } from '../../../../src/errors.js'
import { hostPatterns, nativeIsWrong, topics } from '../../../support/pattern-arbitraries.js'

function compiled(pattern: RegExp): Program | undefined {
  try {
    return compileProgram(pattern)
  } catch (error) {
    expect(error).to.be.instanceOf(InvalidPatternError)
    return undefined
  }
}

/** 10,000 that no literal tells apart, each another one. */
const withoutLiterals = Array.from({ length: 10_000 }, (_, i) => {
  const letter = String.fromCharCode(98 + (i % 24))
  const other = `\\u${(0x400 + i).toString(16).padStart(4, '0')}`
  return i % 2 === 0
    ? new RegExp(`^[^.]+\\.[a-${letter}]+\\.[^${other}]{${1 + (i % 20)}}$`)
    : new RegExp(`[a-${letter}]\\d{${1 + (i % 20)}}[^${other}]`)
})

/** In milliseconds of this process: another one that is busy does not count. */
function cpu(run: () => void): number {
  const began = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1_000
}

describe('CombinedPatterns', () => {
  it('match as each RegExp by itself, with some taken out, on generated patterns and topics', function () {
    // Not judged by time: V8 backtracks, and over a pattern drawn by chance now and then for a minute.
    this.timeout(600_000)
    let matches = 0
    let compared = 0
    const some = fc.array(fc.record({ pattern: hostPatterns, isTakenOut: fc.boolean() }), {
      minLength: 20,
      maxLength: 60,
    })
    fc.assert(
      fc.property(some, fc.array(topics, { minLength: 20, maxLength: 20 }), (drawn, candidates) => {
        const combined = new CombinedPatterns<RegExp>()
        const there = new Map<RegExp, Group<RegExp>>()
        const check = (): void => {
          for (const topic of candidates) {
            const found: RegExp[] = []
            combined.match(topic, found)
            expect(new Set(found).size).to.equal(found.length)
            for (const pattern of there.keys()) {
              if (nativeIsWrong(pattern, topic)) continue
              const expected = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).test(topic)
              if (found.includes(pattern) !== expected)
                throw new Error(`${String(pattern)} on ${JSON.stringify(topic)}: RegExp says ${expected}`)
              compared += 1
              if (expected) matches += 1
            }
            expect(found.every(pattern => there.has(pattern))).to.equal(true)
          }
        }
        for (const { pattern } of drawn) {
          const program = compiled(pattern)
          if (program !== undefined) there.set(pattern, combined.add(pattern, program))
        }
        check()
        for (const { pattern, isTakenOut } of drawn) {
          const group = there.get(pattern)
          if (!isTakenOut || group === undefined) continue
          combined.remove(pattern, group)
          there.delete(pattern)
        }
        check()
        for (const [pattern, group] of there) combined.remove(pattern, group)
        expect(combined.size).to.equal(0)
      }),
      { numRuns: 150 },
    )
    expect(compared).to.be.greaterThan(100_000)
    expect(matches).to.be.within(compared * 0.1, compared * 0.9)
  })

  it('10,000 of them cost a new topic little, and the first one, too', function () {
    this.timeout(60_000)
    const table = new PatternTable<number>(linearMatcher)
    withoutLiterals.forEach((pattern, i) => table.add(pattern, i))
    const fresh = Array.from({ length: 20 }, (_, i) => `orders.eu.${i}7919.created`)
    const wanted = fresh.map(topic => withoutLiterals.filter(pattern => pattern.test(topic)).length)
    let first = 0
    const all = cpu(() => {
      first = cpu(() => table.match('a7.b.c'))
      fresh.forEach((topic, i) => expect(table.match(topic).length).to.equal(wanted[i]))
    })
    expect(Math.max(...wanted)).to.be.greaterThan(50)
    // Each by itself, the first took 15,000 ms, and each of the others as long again.
    expect(first).to.be.lessThan(500)
    expect(all).to.be.lessThan(1_000)
  })

  it('are found where thousands share their literal, too', () => {
    const table = new PatternTable<number>(linearMatcher)
    const patterns = Array.from(
      { length: 3_000 },
      (_, i) => new RegExp(`^orders\\.[^x]{${i % 50}}\\d{${i}}$`),
    )
    const small = patterns.slice(0, 400)
    const removals = small.map((pattern, i) => [pattern, table.add(pattern, i)] as const)
    const check = (): void => {
      for (let i = 0; i < 60; i += 1) {
        const topic = `orders.${'a'.repeat(i % 50)}${'7'.repeat(i)}`
        const wanted = removals.flatMap(([pattern, value]) => (pattern.test(topic) ? [value] : []))
        expect(table.match(topic)).to.deep.equal(wanted)
      }
    }
    check()
    for (const [pattern, addition] of removals.splice(100, 200))
      expect(table.remove(pattern, addition)).to.equal(true)
    check()
  })

  it('are refused beyond what a van takes, and leave room again', () => {
    const table = new PatternTable<number>(linearMatcher)
    const large = (i: number): RegExp => new RegExp(`^[^a]{${850 + (i % 90)}}\\d{${Math.floor(i / 90)}}$`)
    const additions: [RegExp, number][] = []
    let refused: unknown
    for (let i = 0; refused === undefined && i < 2_000; i += 1) {
      try {
        table.check(large(i))
        additions.push([large(i), table.add(large(i), i)])
      } catch (error) {
        refused = error
      }
    }
    expect(refused).to.be.instanceOf(LimitError)
    expect(additions.length).to.be.within(1_000, 1_200)
    table.add(/^orders\./, -1)
    expect(table.match('orders.a')).to.deep.equal([-1])
    for (const [pattern, addition] of additions.splice(0, 3)) table.remove(pattern, addition)
    table.add(large(3_000), 3_000)
    expect(table.size).to.equal(additions.length + 2)
  })
})
