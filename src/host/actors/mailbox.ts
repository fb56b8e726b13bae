import type { ChildExit } from '../../actors/definition/actor.js'
import { childExitHeaders } from '../../actors/definition/child-exit.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import { Encoding } from '../../codec/encoding.js'
import { encodePayload } from '../../codec/payload.js'
import { MAILBOX } from '../../message/topic.js'
import { backoff } from '../../operators/backoff.js'
import { DEFAULT_PENDING_BYTES } from '../../bus/contract/pending-bytes.js'

/** With one instance, messages wait where it is; several take one at a time, so that none waits behind a busy one. */
export const PREFETCH = 64

/** From now on what an actor is told waits for it. */
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

/** Puts a letter of its host's into the mailbox of an actor. */
export function tellOfChild(broker: LocalBroker, parent: string, exit: ChildExit): void {
  broker.say(MAILBOX + parent, childExitHeaders, () => {
    const body = encodePayload(exit)
    return { body, size: body.length, encoding: Encoding.Bytes }
  })
}
