import { expect } from 'chai'
import { checkHistory } from '../../faults/together/check-history.js'
import type { Event, Seen } from '../../faults/together/history.js'

/** The checker of `npm run faults -- together`: each kind of fault is found, and nothing else is. */
describe('a history', () => {
  const alone = { isAlone: true }
  let at = 0
  const told = (...seen: Seen[]): Event[] => seen.map(each => ({ at: (at += 1_000), who: 'w', ...each }))
  const published = (n: number): Event[] =>
    told({ what: 'called', by: 'p', n }, { what: 'taken', by: 'p', n })
  const begun = (n: number, more: { attempt?: number; redelivered?: boolean } = {}): Event[] =>
    told({ what: 'begun', sub: 's', by: 'p', n, attempt: 1, redelivered: false, ...more })
  const done = (n: number): Event[] => told({ what: 'done', sub: 's', by: 'p', n })
  const subscribed = (
    rules: Partial<typeof alone & { isOrdered: boolean; replays: boolean }> = {},
  ): Event[] => told({ what: 'subscribed', sub: 's', rules: { ...alone, ...rules } })
  const rest = (pending: number): Event[] => told({ what: 'rest', sub: 's', pending, inFlight: 0 })
  const problems = (...events: Event[][]): string[] =>
    checkHistory(events.flat()).problems.map(problem => problem.split(':')[0] ?? '')

  beforeEach(() => {
    at = 10_000_000
  })

  it('in which everything is done is in order', () => {
    const verdict = checkHistory(
      [subscribed(), published(1), published(2), begun(1), done(1), begun(2), done(2), rest(0)].flat(),
    )
    expect(verdict).to.deep.include({ accepted: 2, done: 2, letters: 0, repeats: 0, problems: [] })
  })

  it('shows what was accepted and never done, unless it came before or a gap was reported', () => {
    expect(problems(subscribed(), published(1))).to.deep.equal(['lost'])
    expect(problems(published(1), subscribed())).to.deep.equal([])
    expect(problems(published(1), subscribed({ replays: true }))).to.deep.equal(['lost'])
    expect(problems(subscribed(), published(1), told({ what: 'gap', subs: ['s'] }))).to.deep.equal([])
    expect(
      problems(subscribed(), published(1), told({ what: 'letter', sub: 's', by: 'p', n: 1 })),
    ).to.deep.equal([])
  })

  it('shows a publish that never ended, unless its publisher was killed', () => {
    const called = told({ what: 'called', by: 'p', n: 1 })
    expect(problems(called)).to.deep.equal(['a publish that never ended'])
    expect(problems(called, told({ what: 'killed', who: 'w' }))).to.deep.equal([])
    expect(problems(called, told({ what: 'refused', by: 'p', n: 1, code: 'MSGVAN_CLOSED' }))).to.deep.equal(
      [],
    )
  })

  it('shows first deliveries that came out of order', () => {
    const both = [subscribed(), published(1), published(2)]
    expect(problems(...both, begun(2), done(2), begun(1), done(1))).to.deep.equal(['out of order'])
    expect(problems(...both, begun(2), done(2), begun(1, { attempt: 2 }), done(1))).to.deep.equal([])
  })

  it('shows who was passed by in an ordered subscription', () => {
    const both = [subscribed({ isOrdered: true }), published(1), published(2)]
    expect(problems(...both, begun(1), begun(2), done(2), begun(1, { attempt: 2 }), done(1))).to.deep.equal([
      'passed by in an ordered subscription',
    ])
    expect(problems(...both, begun(1), done(1), begun(2), done(2))).to.deep.equal([])
  })

  it('shows a repeat without its flag, unless a fault came within the window', () => {
    const once = [subscribed(), published(1), begun(1), done(1)]
    const fault = told({ what: 'fault', kind: 'kill', whom: 'host0' })
    expect(problems(...once, begun(1))).to.deep.equal(['a repeat without its flag'])
    expect(problems(...once, begun(1, { redelivered: true }))).to.deep.equal([])
    expect(problems(...once, told({ what: 'fault', kind: 'kill', whom: 'host0' }), begun(1))).to.deep.equal(
      [],
    )
    expect(problems(fault, ...once, begun(1))).to.deep.equal([])
    at += 10_000_000
    expect(problems(...once, told({ what: 'fault', kind: 'kill', whom: 'host0' }), begun(1))).to.deep.equal([
      'a repeat without its flag',
    ])
  })

  it('shows books that are not at rest', () => {
    expect(problems(rest(1))).to.deep.equal(['books not at rest'])
  })
})
