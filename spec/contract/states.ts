import { expect } from 'chai'
import { InvalidTopicError, InvalidPayloadError } from '../../src/index.js'
import { collect, rejection, thrown, upTo } from '../support/messages.js'
import { eventually } from '../support/eventually.js'
import type { Connected } from './connected.js'

export function states(at: Connected): void {
  describe('state', () => {
    it('is the newest value, for every bus', async () => {
      const state = at.bus().state('lamp')
      expect(await state.get()).to.equal(undefined)
      await state.set({ on: true })
      expect(await at.another().state('lamp').get()).to.deep.equal({ on: true })
      await at.another().state('lamp').set(null)
      expect(await state.get()).to.equal(null)
      expect(await state.delete()).to.equal(true)
      expect(await state.delete()).to.equal(false)
      expect(await at.another().state('lamp').get()).to.equal(undefined)
    })

    it('changes$ begins with the present value, then has every change', async () => {
      const state = at.bus().state<number>('n')
      const empty = collect(at.another().state('n').changes$)
      expect(await empty.first(1)).to.deep.equal([undefined])
      await state.set(1)
      await empty.first(2)
      const there = collect(at.another().state('n').changes$)
      expect(await there.first(1)).to.deep.equal([1])
      await at.another().state('n').set(2)
      await state.set(undefined)
      expect(await there.first(3)).to.deep.equal([1, 2, undefined])
      expect(await empty.first(4)).to.deep.equal([undefined, 1, 2, undefined])
    })

    it('updates of two buses at once lose none', async () => {
      const [one, other] = [at.bus().state<number>('count'), at.another().state<number>('count')]
      const add = (n: number | undefined): number => (n ?? 0) + 1
      await Promise.all(upTo(200).flatMap(() => [one.update(add), other.update(add)]))
      expect(await one.get()).to.equal(400)
      expect(await one.update(() => undefined)).to.equal(undefined)
      expect(await other.get()).to.equal(undefined)
    })

    it('keys are those with a value that match', async () => {
      for (const topic of ['cart.2', 'cart.1', 'cart.3', 'other']) await at.bus().state(topic).set(1)
      await at.another().state('cart.3').delete()
      const keys = (pattern: RegExp | string) => at.another().state('cart.1').keys(pattern)
      expect(await keys(/^cart\./)).to.deep.equal(['cart.1', 'cart.2'])
      expect(await keys('other')).to.deep.equal(['other'])
    })

    it('refuses what cannot be, and goes on', async () => {
      const state = at.bus().state('t')
      expect(await rejection(state.set(() => 1))).to.be.instanceOf(InvalidPayloadError)
      const threw = state.update(() => {
        throw new TypeError('mine')
      })
      expect(await rejection(threw)).to.have.property('message', 'mine')
      for (const topic of ['', '$x', 'x'.repeat(1_018)])
        expect(thrown(() => at.bus().state(topic))).to.be.instanceOf(InvalidTopicError)
      await state.set(1)
      await eventually(async () => expect(await state.get()).to.equal(1))
    })
  })
}
