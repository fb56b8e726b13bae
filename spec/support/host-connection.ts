import { join } from 'node:path'
import type { Bus, Middleware } from '../../src/index.js'
import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { localSecret } from '../../src/state/secret.js'
import type { ConnectionKind, Features } from './connections.js'
import { Sandbox } from './sandbox.js'

let sandbox: Sandbox | undefined
let vans = 0

function started(): Sandbox {
  if (sandbox === undefined) throw new Error('no host was started')
  return sandbox
}

/** Each bus on a connection of its own to one real host process; each test in a van of its own. */
export const throughHost = throughHostWith(
  'through a host',
  { replays: 'nothing is kept', keepsNothing: true },
  () => [],
)

/** The same, the host keeping on a disk what it owes. */
export const throughHostWithStore = throughHostWith(
  'through a host with a store',
  { replays: true, keepsNothing: 'it keeps what is published' },
  ({ home }) => ['--store', join(home, 'store')],
)

function throughHostWith(
  name: string,
  features: Pick<Features, 'replays' | 'keepsNothing'>,
  options: (sandbox: Sandbox) => string[],
): ConnectionKind {
  return {
    name,
    features: {
      copies: true,
      shares: 'the payload crosses processes',
      anyPattern: 'a host matches in linear time',
      linearPatterns: true,
      severalBuses: true,
      ...features,
    },
    start: async () => {
      sandbox = await Sandbox.make()
      await sandbox.msgvan(['host', ...options(sandbox)]).shows(/listening/)
    },
    stop: async () => {
      await sandbox?.clean()
      sandbox = undefined
    },
    open: () => {
      const { port, paths } = started()
      const van = `test ${++vans}`
      const more: Bus[] = []
      const open = (use?: readonly Middleware[]): Bus => {
        const broker = new RemoteBroker({
          url: `http://127.0.0.1:${port}`,
          van,
          pid: process.pid,
          secret: async () => ({ secret: await localSecret(paths) }),
        })
        return createBus(van, broker, { use })
      }
      const first = open()
      let second: Bus | undefined
      return Promise.resolve({
        bus: () => first,
        another: () => (second ??= open()),
        using: (...use) => {
          const bus = open(use)
          more.push(bus)
          return bus
        },
        close: async () => {
          await first.close({ drain: false })
          await second?.close({ drain: false })
          for (const bus of more) await bus.close({ drain: false })
        },
      })
    },
  }
}
