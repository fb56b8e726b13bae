import type { SubscriptionRequest } from '../../src/bus/contract/subscription-request.js'
import { LocalBroker, type LocalBrokerOptions } from '../../src/broker/local-broker.js'
import { nativeMatcher } from '../../src/message/pattern.js'
import { VirtualTime } from './virtual-time.js'

/** The real broker in virtual time. */
export function brokerIn(time: VirtualTime, options: Partial<LocalBrokerOptions> = {}): LocalBroker {
  return new LocalBroker({
    van: 'spec',
    scheduler: time,
    wallClock: () => time.now(),
    compile: nativeMatcher,
    hostStatus: () => ({
      id: 'spec',
      pid: 1,
      version: '0',
      port: 0,
      address: '',
      leader: false,
      capabilities: {},
      uptimeMs: 0,
    }),
    ...options,
  })
}

/** What `topic()` asks for by default, with these differences. */
export function request(differences: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return {
    pattern: 't',
    ordered: false,
    prefetch: 4096,
    attempts: 5,
    delay: 100,
    ackTimeout: 0,
    maxPending: 100_000,
    maxPendingBytes: 64 * 1024 * 1024,
    overflow: 'pause',
    ...differences,
  }
}
