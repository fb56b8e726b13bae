import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorBroker } from '../../bus/contract/actors.js'
import type { CallName } from '../../wire/calls.js'
import { encodeRequest } from '../../wire/frames/subscription-request.js'

/** The actors of a van. Each method is one call to the host. */
export function remoteActors(call: (method: CallName, args: unknown) => Promise<unknown>): ActorBroker {
  return {
    create: async request => (await call('actors.create', request)) as ActorAddress,
    find: async name => (await call('actors.find', { name })) as ActorAddress | undefined,
    subscribe: async (name, id, request) => {
      await call('actors.subscribe', { name, id, request: encodeRequest(request) })
    },
    stop: async id => (await call('actors.stop', { id })) === true,
  }
}
