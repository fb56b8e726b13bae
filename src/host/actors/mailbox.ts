import type { ChildExit } from '../../workers/definition/actor.js'
import { childExitHeaders } from '../../workers/definition/child-exit.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import { Encoding } from '../../codec/encoding.js'
import { encodePayload } from '../../codec/payload.js'
import { MAILBOX } from '../../message/topic.js'
import { backoff } from '../../operators/backoff.js'
import { DEFAULT_PENDING_BYTES } from '../../bus/contract/subscription-request.js'

/** For an actor with one instance. Several instances get one message at a time, so that none waits behind a busy instance. */
export const PREFETCH = 64

/** Creates the mailbox: messages for the actor wait there from now on. */
export function openMailbox(broker: LocalBroker, id: string, attempts: number): void {
  const topic = MAILBOX + id
  broker.replace({
    name: topic,
    pattern: topic,
    ordered: false,
    prefetch: PREFETCH,
    attempts,
    delay: backoff({ initial: 100, max: 10_000 }),
    ackTimeout: 0,
    maxPending: 100_000,
    maxPendingBytes: DEFAULT_PENDING_BYTES,
    overflow: 'pause',
  })
}

/** Puts `childExited` into the mailbox of a parent. */
export function mailChildExit(broker: LocalBroker, parent: string, exit: ChildExit): void {
  broker.system.publish(MAILBOX + parent, childExitHeaders, () => {
    const body = encodePayload(exit)
    return { body, size: body.length, encoding: Encoding.Bytes }
  })
}
