import { randomUUID } from 'node:crypto'
import type { Broker } from './bus/broker.js'
import { LocalBroker } from './broker/local-broker.js'
import { monotonicScheduler } from './broker/monotonic-scheduler.js'
import { nativeMatcher } from './message/pattern.js'
import { version } from './version.js'

/** The real broker, inside this process and for one bus alone. */
export function embeddedBroker(van: string): Broker {
  const id = randomUUID()
  const startedAt = performance.now()
  return new LocalBroker({
    van,
    scheduler: monotonicScheduler,
    compile: nativeMatcher,
    hostStatus: () => ({
      id,
      pid: process.pid,
      version,
      port: 0,
      address: '',
      leader: false,
      capabilities: {},
      uptimeMs: Math.round(performance.now() - startedAt),
    }),
  })
}
