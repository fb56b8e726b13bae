import { expect } from 'chai'
import { checkHistory } from '../../faults/together/check-history.js'
import type { Event, Seen, SubscriptionRules } from '../../faults/together/history.js'

/** The checker of `npm run faults -- together`: each kind of fault is found, and nothing else is. */
describe('a history', () => {
  const alone = { isAlone: true, keptBy: 'host0' }
  let at = 0
  const told = (...seen: Seen[]): Event[] => seen.map(each => ({ at: (at += 1_000), who: 'w', ...each }))
  const published = (n: number): Event[] =>
    told({ what: 'called', by: 'p', n }, { what: 'taken', by: 'p', n })
  const begun = (n: number, more: { attempt?: number; redelivered?: boolean } = {}): Event[] =>
    told({ what: 'begun', sub: 's', by: 'p', n, attempt: 1, redelivered: false, ...more })
  const done = (n: number): Event[] => told({ what: 'done', sub: 's', by: 'p', n })
  const subscribed = (rules: Partial<SubscriptionRules> = {}): Event[] =>
    told({ what: 'subscribed', sub: 's', rules: { ...alone, ...rules } })
  const rest = (pending: number): Event[] => told({ what: 'rest', sub: 's', pending, inFlight: 0 })
  const problems = (...events: Event[][]): string[] =>
    checkHistory(events.flat()).problems.map(problem => problem.split(':')[0] ?? '')

  beforeEach(() => {
    at = 10_000_000
  })

  it('is in order if everything in it is done', () => {
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
  })

  it('takes an unflagged delivery that begins last, if its consumer had it when the flagged one began', () => {
    const of = (who: string, events: Event[]): Event[] => events.map(event => ({ ...event, who }))
    const flagged = (n: number): Event[] => of('a', [...begun(n, { redelivered: true }), ...done(n)])
    const unflagged = (n: number): Event[] => of('b', [...begun(n), ...done(n)])
    expect(problems(subscribed({ isAlone: false }), published(1), flagged(1), unflagged(1))).to.deep.equal([])
    // What it begins meanwhile was published after the flagged one began: the host could tell it.
    expect(
      problems(
        subscribed({ isAlone: false }),
        published(1),
        flagged(1),
        published(2),
        unflagged(2),
        unflagged(1),
      ),
    ).to.deep.equal(['a repeat without its flag'])
    // One has no flag, and no second one.
    expect(
      problems(subscribed({ isAlone: false }), published(1), unflagged(1), flagged(1), unflagged(1)),
    ).to.deep.equal(['a repeat without its flag'])
  })

  it('shows what counts as failed and was not, unless its consumer died with its host', () => {
    const both = [published(1), published(2), begun(2), done(2), begun(1, { attempt: 2 }), done(1)]
    expect(problems(subscribed(), ...both)).to.deep.equal(['counts a failure that was none', 'out of order'])
    expect(problems(subscribed({ diesWithHost: true }), ...both)).to.deep.equal([])
    const failed = told({ what: 'failed', sub: 's', by: 'p', n: 1 })
    const again = begun(1, { attempt: 2, redelivered: true })
    expect(problems(subscribed(), published(1), begun(1), failed, again, done(1))).to.deep.equal([])
  })

  it('shows who was passed by in an ordered subscription', () => {
    const both = [subscribed({ isOrdered: true }), published(1), published(2)]
    const failed = told({ what: 'failed', sub: 's', by: 'p', n: 1 })
    const again = begun(1, { attempt: 2 })
    expect(problems(...both, begun(1), failed, begun(2), done(2), again, done(1))).to.deep.equal([
      'passed by in an ordered subscription',
    ])
    expect(problems(...both, begun(1), done(1), begun(2), done(2))).to.deep.equal([])
  })

  it('shows who was passed by in its key, and lets other keys pass', () => {
    const rules = subscribed({ isAlone: false, isOrdered: true, keys: 2 })
    const three = [rules, published(1), published(2), published(3)]
    expect(problems(...three, begun(1), begun(2), done(2), done(1), begun(3), done(3))).to.deep.equal([])
    expect(problems(...three, begun(1), begun(2), done(2), begun(3), done(1), done(3))).to.deep.equal([
      'passed by in an ordered subscription',
    ])
  })

  describe('a repeat without its flag', () => {
    const noFlag = ['a repeat without its flag']
    const once = (): Event[] => [subscribed(), published(1), begun(1), done(1)].flat()
    const kill = (whom = 'host0'): Event[] => told({ what: 'fault', kind: 'kill', whom })
    /** Somebody publishes there, and is told that it is kept. */
    const confirmed = (host: string, n: number): Event[] => [
      ...told({ what: 'placed', host }),
      ...published(n),
    ]

    it('shows it, and none that has it', () => {
      expect(problems(once(), begun(1))).to.deep.equal(noFlag)
      expect(problems(once(), begun(1, { redelivered: true }))).to.deep.equal([])
      expect(
        problems(once(), told({ what: 'fault', kind: 'restart', whom: 'host0' }), begun(1)),
      ).to.deep.equal(noFlag)
    })

    it('allows it when the host that keeps it was killed before it can have written the delivery down', () => {
      expect(problems(once(), kill(), begun(1))).to.deep.equal([])
      expect(problems(once(), kill('host1'), begun(1))).to.deep.equal(noFlag)
      expect(problems(kill(), once(), begun(1))).to.deep.equal(noFlag)
      const last = [begun(2), done(2)]
      expect(problems(once(), confirmed('host1', 2), kill(), begun(1), ...last)).to.deep.equal([])
      expect(problems(once(), confirmed('host0', 2), kill(), begun(1), ...last)).to.deep.equal(noFlag)
    })

    it('allows it of what its consumer still had from the dead host', () => {
      const late = (): Event[] => [subscribed(), published(1), kill(), begun(1), done(1), begun(1)].flat()
      expect(problems(late())).to.deep.equal([])
      // What was published after the kill came from the next one.
      const [first, again] = [begun(1), begun(1)]
      expect(
        problems(subscribed(), published(1), kill(), published(2), begun(2), done(2), first, done(1), again),
      ).to.include('a repeat without its flag')
    })
  })

  it('shows books that are not at rest', () => {
    expect(problems(rest(1))).to.deep.equal(['books not at rest'])
  })
})
