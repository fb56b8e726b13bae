import { tooLarge } from '../../codec/payload.js'
import { Encoding } from '../../codec/encoding.js'
import { MsgvanError } from '../../errors.js'
import type { PublishArgs } from '../../wire/calls/publish-calls.js'
import type { Session } from '../session/session.js'
import type { Van } from '../van/van.js'

/**
 * Takes over a publish with an id, or a delayed one, of a client or of a host that has joined. The promise resolves
 * when the van owes it, on the disk if there is a store.
 */
export async function publishRuled(
  { van, access, follower, maxPayload }: Session,
  args: PublishArgs,
): Promise<true> {
  const size = args.payload.length
  if (size > maxPayload) throw tooLarge(size, maxPayload)
  // A host that has joined limits its own clients.
  const rate = follower === undefined ? access?.principal.rate : undefined
  const refusal = van.refusalOf(size) ?? rate?.take(size)
  if (refusal !== undefined) throw refusal
  await Promise.all([taken(van, args), rate?.room()])
  return true
}

function taken(van: Van, { topic, headers, payload, ...rules }: PublishArgs): Promise<unknown> | undefined {
  const { names } = van.reach
  if (names !== undefined) return names.publish({ topic, headers, payload, ...rules })
  // The bytes of the whole frame would wait with it.
  const body = new Uint8Array(payload)
  const draft = { topic, headers, body, size: body.length, encoding: Encoding.Bytes }
  const outcome = van.broker.ruled.publish(draft, rules)
  if (outcome instanceof MsgvanError) return Promise.reject(outcome)
  // Without anything to wait for it is answered at once, in the order of the calls.
  return outcome === undefined ? van.kept() : Promise.all([outcome, van.kept()])
}

/** Takes back a delayed message. A principal may do that with topics that it may publish. */
export async function cancel({ van, access, follower }: Session, id: string): Promise<boolean> {
  const { names } = van.reach
  if (access !== undefined && follower === undefined) {
    const topic = names === undefined ? van.broker.ruled.topicOf(id) : await names.topicOf(id)
    if (topic === undefined) return false
    const denied = access.principal.publishRefusal(topic)
    if (denied !== undefined) throw denied
  }
  return names === undefined ? van.broker.ruled.cancel(id) : names.cancel(id)
}
