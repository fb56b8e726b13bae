import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import type { Bus } from '../../src/index.js'
import { secret, type Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

/** A bus of a process over a link to its host, in a van of its own: what happens there is in books of its own. */
export function simBus({ network }: Stage, process: VirtualProcess, url: string, van: string): Bus {
  const broker = new RemoteBroker({
    dial: network.dialFrom(process),
    url,
    van,
    secret: () => Promise.resolve({ secret }),
    clientId: `${process.name}-${process.pid}`,
    outbox: { maxMessages: 200_000 },
    backoff: { initial: 20, max: 200 },
    readyTimeout: 3_600_000,
    pid: process.pid,
  })
  return createBus(van, broker)
}
