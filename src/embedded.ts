import { randomUUID } from 'node:crypto'
import { LocalBroker } from './broker/local-broker.js'
import { monotonicScheduler } from './broker/clock/monotonic-scheduler.js'
import { returnOf } from './bus/streams/stream-messages.js'
import { Encoding } from './codec/encoding.js'
import { nativeMatcher } from './message/pattern.js'
import { version } from './version.js'

/** The real broker, inside this process and for one bus alone. */
export function embeddedBroker(van: string): LocalBroker {
  const id = randomUUID()
  const startedAt = performance.now()
  const broker: LocalBroker = new LocalBroker({
    van,
    unrouted: envelope => {
      const back = returnOf(envelope)
      if (back !== undefined)
        broker.system.publish(back.to, back.headers, () => ({
          body: undefined,
          size: 0,
          encoding: Encoding.Value,
        }))
    },
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
  return broker
}
