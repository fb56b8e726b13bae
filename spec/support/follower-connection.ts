import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '../../src/index.js'
import type { ConnectionKind, Features } from './connections.js'
import { Convention } from './convention.js'

let vans = 0

/** `bus()` on a follower's host, `another()` on the leader's: two real host processes, each test in a van of its own. */
function through(
  what: string,
  features: Pick<Features, 'replays' | 'keepsNothing'>,
  start: () => Promise<{ hosts: Convention; clean?: () => Promise<void> }>,
): ConnectionKind {
  let running: Awaited<ReturnType<typeof start>> | undefined
  const convention = (): Convention => {
    if (running === undefined) throw new Error('no hosts were started')
    return running.hosts
  }
  return {
    name: `through a follower${what}`,
    hosts: 2,
    features: {
      copies: true,
      shares: 'the payload crosses processes',
      anyPattern: 'a host matches in linear time',
      linearPatterns: true,
      severalBuses: true,
      ...features,
    },
    start: async () => {
      running = await start()
    },
    stop: async () => {
      await running?.hosts.clean()
      await running?.clean?.()
      running = undefined
    },
    open: () => {
      const hosts = convention()
      const van = `test ${++vans}`
      const first = hosts.follower().bus(van)
      let second: Bus | undefined
      return Promise.resolve({
        bus: () => first,
        another: () => (second ??= hosts.leader.bus(van)),
        using: (...use) => hosts.follower().bus(van, {}, use),
        close: () => hosts.closeBuses(),
      })
    },
  }
}

export const throughFollower = through('', { replays: 'nothing is kept', keepsNothing: true }, async () => ({
  hosts: await Convention.start(),
}))

export const throughFollowerOfStore = through(
  ' of a leader with a store',
  { replays: true, keepsNothing: 'all is kept' },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
    const hosts = await Convention.start(1, { leaderArgs: ['--store', folder] })
    return { hosts, clean: () => rm(folder, { recursive: true }) }
  },
)
