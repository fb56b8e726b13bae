import { expect } from 'chai'
import type { RemoteBroker } from '../../../src/client/remote-broker.js'
import { ClosedError, ForbiddenError, type MsgvanError } from '../../../src/errors.js'
import { NamesAtLeader } from '../../../src/host/backbone/follower/names-at-leader.js'
import type { InterestsOfLeader } from '../../../src/host/backbone/follower/interests-of-leader.js'
import { noSight } from '../../../src/host/rights/principal.js'

describe('the changed rights of principals at a follower', () => {
  const warnings = async (refusal: MsgvanError): Promise<string[]> => {
    const warned: string[] = []
    const names = new NamesAtLeader({
      remote: { call: () => Promise.reject(refusal) } as unknown as RemoteBroker,
      interests: {} as unknown as InterestsOfLeader,
      sights: { of: noSight, check: () => undefined },
      warn: text => warned.push(text),
    })
    names.renewRights(['ada', 'bob'])
    await new Promise(resolve => setImmediate(resolve))
    return warned
  }

  it('warn when the leader refuses them', async () => {
    expect(await warnings(new ForbiddenError('It lacks the right "join".'))).to.deep.equal([
      'the leader goes on with the earlier rights of ada, bob: ForbiddenError: It lacks the right "join".',
    ])
  })

  it('say nothing when this host ends', async () => {
    expect(await warnings(new ClosedError('This bus is closed.'))).to.deep.equal([])
  })
})
