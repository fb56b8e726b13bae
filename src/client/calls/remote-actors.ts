import type { ActorBroker } from '../../bus/contract/actors.js'
import type { Call } from '../../wire/calls/calls.js'

/** The actors of a van. Each method is one call to the host. */
export function remoteActors(call: Call): ActorBroker {
  return {
    create: request => call('actors.create', request),
    find: name => call('actors.find', { name }),
    subscribe: async (name, id, request) => {
      await call('actors.subscribe', { name, id, request })
    },
    stop: id => call('actors.stop', { id }),
  }
}
