import { expect } from 'chai'
import type { Membership } from '../../../src/bus/contract/broker.js'
import { StallWatch } from '../../../src/host/session/stall-watch.js'
import {
  RemoteConsumer,
  type RemoteConsumerOwner,
} from '../../../src/host/session/consumers/remote-consumer.js'
import { Hearing } from '../../../src/host/session/consumers/client-silence.js'
import { inEnvironment } from '../../simulation/environment.js'
import { Random } from '../../simulation/random.js'
import { VirtualClock } from '../../simulation/virtual-clock.js'
import { VirtualProcess } from '../../simulation/virtual-process.js'

const nothing = (): void => undefined

const owner: RemoteConsumerOwner = {
  deliver: nothing,
  ended: nothing,
  lapsed: nothing,
  named: nothing,
  ruled: nothing,
  isAway: () => false,
  hearing: new Hearing(),
  settled: () => undefined,
  isBusy: false,
  takesBack: () => false,
}

/** A replay that waits for a consumer with credit, and has read so much of the log. */
const replay = { ready: 1, hasCredit: true, readTo: 0, leave: nothing }

describe('a host in virtual time', () => {
  const warnings: string[] = []

  it('names a replay that stands still after 10 seconds, and none that reads on', async () => {
    const clock = new VirtualClock()
    await inEnvironment(clock, new Random(1), async () => {
      const consumer = new RemoteConsumer(1, owner)
      consumer.membership = replay as unknown as Membership
      const session = {
        isConnected: true,
        describe: () => 'the replay',
        consumers: [consumer],
        askBooks: () =>
          Promise.resolve({ subscription: 1, line: 0, open: 0, waiting: 0, places: 0, takes: true, asks: false }), // prettier-ignore
      }
      const host = new VirtualProcess('host', 1)
      const stallWatch = await clock.as(host, () => new StallWatch(() => [session], text => warnings.push(text))) // prettier-ignore
      for (let second = 0; second < 60; second += 1) {
        await clock.advance(1_000)
        replay.readTo += 10_000
      }
      expect(warnings).to.deep.equal([])
      await clock.advance(9_000)
      expect(warnings).to.deep.equal([])
      await clock.advance(11_000)
      expect(warnings).to.have.lengthOf(1)
      expect(warnings[0]).to.match(
        /^the replay stands still for \d+ s: messages wait for it and are not sent\./,
      )
      stallWatch?.end()
    })
  })
})
