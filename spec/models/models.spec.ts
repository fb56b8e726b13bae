import { expect } from 'chai'
import { explore, type Model } from './explore.js'
import { handOverModel, type HandOverRule } from './hand-over.js'
import { sessionModel, type SessionRule } from './sessions.js'

const handOver = { messages: 2, restarts: 2, kills: 1, powerCuts: 1, fullDisks: 1 }
const session = { messages: 2, cuts: 2, kills: 2, expiries: 2 }

/** Which invariant falls, and a word of the way there, when a rule of the protocol is left out. */
const sessionRules: Readonly<Record<SessionRule, string>> = {
  'what was not received is sent again': 'I1',
  'what was published is marked': 'I2',
  'both sides say how far they have received': 'I6',
  'an acknowledgement follows what it acknowledges': 'I1',
  'what a dead session held goes back': 'I5',
  'a mark is kept with its message': 'I2',
}

const handOverRules: Readonly<Record<HandOverRule, string>> = {
  'the old host reads nothing any more before it writes': 'I1',
  'the file has its name when it is whole and on the disk': 'I1',
  'the old host ends before the new one has the port': 'I5',
  'the new host takes in before it listens': 'I2',
  'the file goes before the new host listens': 'I4',
  'marks travel': 'I2',
  'what is in flight travels': 'I1',
  'a host whose file cannot be written goes on': 'I2',
}

describe('a model of', () => {
  describe('sessions that resume', () => {
    for (const hasStore of [true, false]) {
      it(`keeps I1 to I6 in every order of events, ${hasStore ? 'with' : 'without'} a store`, () => {
        holds(sessionModel({ ...session, hasStore }), 20_000, 30)
      })
    }

    for (const [broken, invariant] of Object.entries(sessionRules)) {
      it(`loses ${invariant} without the rule "${broken}"`, () => {
        breaks(sessionModel({ ...session, hasStore: true, broken: broken as SessionRule }), invariant)
      })
    }
  })

  describe('the hand-over from one host to the next', () => {
    it('keeps I1 to I6 in every order of events', () => {
      holds(handOverModel(handOver), 15_000, 25)
    })

    for (const [broken, invariant] of Object.entries(handOverRules)) {
      it(`loses ${invariant} without the rule "${broken}"`, () => {
        breaks(handOverModel({ ...handOver, broken: broken as HandOverRule }), invariant)
      })
    }
  })
})

function holds<S>(model: Model<S>, states: number, depth: number): void {
  const explored = explore(model)
  expect(explored.finding).to.equal(undefined)
  // It went where the protocol goes, and not just around its start.
  expect(explored.states).to.be.greaterThan(states)
  expect(explored.depth).to.be.greaterThan(depth)
}

function breaks<S>(model: Model<S>, invariant: string): void {
  const { finding } = explore(model)
  expect(finding?.invariant, JSON.stringify(finding)).to.equal(invariant)
  expect(finding?.trace).not.to.have.lengthOf(0)
}
