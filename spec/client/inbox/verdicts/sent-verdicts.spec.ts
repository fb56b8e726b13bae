import { expect } from 'chai'
import type { DeliveryMemory } from '../../../../src/client/inbox/verdicts/delivery-memory.js'
import { SentVerdicts } from '../../../../src/client/inbox/verdicts/sent-verdicts.js'

describe('frames with verdicts that a host could not write', () => {
  let sent: SentVerdicts
  let confirmed: string[]

  const subscription = (name: string) => ({
    memory: {
      sent: () => undefined,
      confirmed: (frame: number) => confirmed.push(`${name}${frame}`),
    } as unknown as DeliveryMemory,
  })

  beforeEach(() => {
    sent = new SentVerdicts()
    confirmed = []
  })

  it('are confirmed by a later frame that it wrote, not by their own acknowledgement', () => {
    const [a, b] = [subscription('a'), subscription('b')]
    sent.add(1, [a])
    sent.add(3, [a])
    sent.add(5, [b])
    sent.unwrittenThrough(3)
    sent.confirmedThrough(3)
    sent.confirmedThrough(4)
    expect(confirmed).to.deep.equal([])
    sent.confirmedThrough(5)
    expect(confirmed).to.deep.equal(['b5', 'a5'])
    sent.add(6, [b])
    sent.confirmedThrough(6)
    expect(confirmed).to.deep.equal(['b5', 'a5', 'b6'])
  })

  it('are forgotten with their session', () => {
    const [a, b] = [subscription('a'), subscription('b')]
    sent.add(1, [a])
    sent.unwrittenThrough(1)
    sent.clear()
    sent.add(1, [b])
    sent.confirmedThrough(1)
    expect(confirmed).to.deep.equal(['b1'])
  })
})
