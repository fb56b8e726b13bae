import { expect } from 'chai'
import { connect } from '../../../src/client/index.js'
import { InvalidOptionError, van, type Bus, type Middleware } from '../../../src/index.js'
import { Turns } from '../../../src/bus/middleware/turns.js'
import { thrown } from '../../support/messages.js'

/** As a program without types might give it. */
const given = (use: unknown): { use: readonly Middleware[] } => ({ use: use as readonly Middleware[] })
const none = async (): Promise<void> => undefined

describe('middleware', () => {
  it('a bad `use` is refused at once, by van() and connect()', () => {
    const bad = [
      null,
      7,
      {},
      'x',
      [null],
      [7],
      [{}],
      [{ publish: 7 }],
      [{ deliver: null }],
      [(): void => undefined],
    ]
    for (const use of bad) {
      const calls = [
        (): Bus => van({ embedded: true, ...given(use) }),
        (): Bus => connect('http://127.0.0.1:1', given(use)),
      ]
      for (const call of calls) {
        const error = thrown(call)
        expect(error, JSON.stringify(use)).to.be.instanceOf(InvalidOptionError)
        expect(error).to.have.property('message').that.matches(/use/)
      }
    }
  })

  it('an object of a class works, and a later change of the list has no effect', async () => {
    class Stamp {
      #last = 0
      publish(_message: unknown, next: (changes: object) => Promise<void>): Promise<void> {
        return next({ payload: ++this.#last })
      }
    }
    const use: Middleware[] = [new Stamp()]
    const bus = van({ embedded: true, use })
    use.push({ publish: () => undefined })
    const got: unknown[] = []
    bus.topic('t').subscribe(message => got.push(message.payload))
    await bus.publish('t', 'x')
    await bus.publish('t', 'x')
    expect(got).to.deep.equal([1, 2])
    await bus.close()
  })

  describe('turns', () => {
    it('pass in the order of entry, and one that leaves holds nobody back', async () => {
      const turns = new Turns()
      const [first, second, third] = [0, 1, 2].map(() => turns.enter(undefined))
      if (first === undefined || second === undefined || third === undefined) throw new Error('no turn')
      const order: number[] = []
      const send = (number: number) => async (): Promise<void> => void order.push(number)
      const idle = turns.idle()
      const last = turns.pass(third, send(3))
      expect(order).to.deep.equal([])
      turns.leave(second)
      turns.leave(second)
      expect(order).to.deep.equal([])
      await turns.pass(first, send(1))
      await last
      await idle
      expect(order).to.deep.equal([1, 3])
      expect(turns.idle()).to.equal(undefined)
    })

    it('100,000 may wait', async () => {
      const turns = new Turns()
      const first = turns.enter(undefined)
      for (let count = 1; count < 100_000; count++) turns.enter(undefined)
      expect(thrown(() => turns.enter(undefined))).to.include({ code: 'MSGVAN_OUTBOX_FULL' })
      await turns.pass(first, none)
      expect(turns.enter(first).before).not.to.equal(undefined)
    })

    it('a send that throws holds nobody back', async () => {
      const turns = new Turns()
      const first = turns.enter(undefined)
      const second = turns.enter(undefined)
      const passed = turns.pass(second, none)
      const bad = (): Promise<void> => {
        throw new Error('bad')
      }
      expect(thrown(() => turns.pass(first, bad))).to.have.property('message', 'bad')
      await passed
    })
  })
})
