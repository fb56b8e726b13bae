import { expect } from 'chai'
import { Encoding } from '../../../src/codec/encoding.js'
import type { ReachingVan } from '../../../src/host/backbone/contract/reaching-van.js'
import { FollowerIntake } from '../../../src/host/backbone/follower/follower-intake.js'
import type { Seen } from '../../../src/host/backbone/follower/seen.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Message } from '../../../src/message/message.js'

describe('what a follower takes in from its leader', () => {
  for (const redelivered of [false, true])
    it(`${redelivered ? 'keeps' : 'has no'} flag that it may have come before, as the leader says`, () => {
      const flags: boolean[] = []
      const acceptFrom = (_from: object, envelope: Envelope) => void flags.push(envelope.mayHaveCome)
      const kept = () => undefined
      const intake = new FollowerIntake({
        van: { acceptFrom, kept } as unknown as ReachingVan,
        seen: { isRepeated: () => false } as unknown as Seen,
        from: {},
        failed: error => expect.fail(error.message),
        warn: text => expect.fail(text),
      })
      const settler = { ack: () => true } as unknown as Parameters<typeof Message.of>[1]
      const envelope = new Envelope('p', 1, 'a', noHeaders, 0, 1, 0, Encoding.Value)
      // A former leader had handed it out: the next one flags it, at its first attempt.
      intake.next(Message.of(envelope, settler, 1, redelivered, 1))
      expect(flags).to.deep.equal([redelivered])
    })
})
