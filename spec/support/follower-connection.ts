import type { Bus } from '../../src/index.js'
import type { ConnectionKind } from './connections.js'
import { Convention } from './convention.js'

let hosts: Convention | undefined
let vans = 0

function started(): Convention {
  if (hosts === undefined) throw new Error('no hosts were started')
  return hosts
}

/** `bus()` on a follower's host, `another()` on the leader's: two real host processes, each test in a van of its own. */
export const throughFollower: ConnectionKind = {
  name: 'through a follower',
  hosts: 2,
  features: {
    copies: true,
    shares: 'the payload crosses processes',
    anyPattern: 'a host matches in linear time',
    linearPatterns: true,
    severalBuses: true,
    replays: 'nothing is kept',
    keepsNothing: true,
  },
  start: async () => {
    hosts = await Convention.start()
  },
  stop: async () => {
    await hosts?.clean()
    hosts = undefined
  },
  open: () => {
    const convention = started()
    const van = `test ${++vans}`
    const first = convention.follower().bus(van)
    let second: Bus | undefined
    return Promise.resolve({
      bus: () => first,
      another: () => (second ??= convention.leader.bus(van)),
      close: () => convention.closeBuses(),
    })
  },
}
