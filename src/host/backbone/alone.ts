import type { Backbone } from './contract/backbone.js'
import type { Reach } from './contract/reach.js'
import { HostRequests, noSuchHost } from './host-requests.js'
import type { Members } from './members.js'

/** No other host: everything is here. */
export function alone(members: Members): Backbone {
  const requests = new HostRequests()
  return {
    members,
    reach: (van): Reach => ({
      accept: envelope => van.accept(envelope),
      ready: () => undefined,
      ask: () => Promise.resolve([]),
    }),
    request: (host, name, body) => {
      const { id } = members.self
      return host === id ? requests.handle(name, body, id) : Promise.reject(noSuchHost(host))
    },
    requestLeader: (name, body) => requests.handle(name, body, members.self.id),
    serve: (name, handler) => requests.serve(name, handler),
    selfChanged: () => members.selfChanged(),
  }
}
