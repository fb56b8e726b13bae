import { newId } from './message/new-id.js'
import { LocalBroker } from './broker/local-broker.js'
import { monotonicScheduler } from './broker/clock/monotonic-scheduler.js'
import { failureNotice } from './bus/requests/request-messages.js'
import { returnOf } from './bus/streams/stream-messages.js'
import { Encoding } from './codec/encoding.js'
import type { Headers } from './message/envelope.js'
import { nativeMatcher } from './message/pattern.js'
import { isRequest } from './message/topic.js'
import { version } from './version.js'

/** The real broker, inside this process and for one bus alone. */
export function embeddedBroker(van: string): LocalBroker {
  const id = newId(18)
  const startedAt = performance.now()
  const giveBack = (back: { to: string; headers: Headers } | undefined): void => {
    if (back === undefined) return
    const none = { body: undefined, size: 0, encoding: Encoding.Value }
    broker.system.publish(back.to, back.headers, () => none)
  }
  const broker: LocalBroker = new LocalBroker({
    van,
    unrouted: (envelope, why) => giveBack(returnOf(envelope, why)),
    takeBack: (_letter, { topic, headers }, error) => {
      if (!isRequest(topic)) return false
      giveBack(failureNotice(headers, error))
      return true
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
