import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { GapError, type Bus } from '../../src/index.js'
import { REPLIES } from '../../src/message/topic.js'
import { identityOf } from '../support/identity.js'
import { secret, type Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

/** A bus of a process over a link to its host, in a van of its own: what happens there is in books of its own. */
export function simBus(
  { network, books }: Stage,
  process: VirtualProcess,
  url: string,
  van: string,
  dial = network.dialFrom(process),
): Bus {
  const broker = new RemoteBroker({
    dial,
    url,
    van,
    secret: () => Promise.resolve({ secret }),
    client: identityOf(`${process.name}-${process.pid}`),
    outbox: { maxMessages: 200_000 },
    backoff: { initial: 20, max: 200 },
    readyTimeout: 3_600_000,
    pid: process.pid,
  })
  const bus = createBus(van, broker)
  bus.errors$.subscribe(error => {
    if (!(error instanceof GapError)) return
    const own = error.patterns.filter(pattern => pattern.startsWith(REPLIES))
    if (own.length > 0) books.violated(`${process.name} is told of a gap in ${own.join(', ')}`)
  })
  return bus
}
