import type { Backbone } from './contract/backbone.js'
import type { Reach } from './contract/reach.js'
import { hostRequest, HostRequests, noSuchHost } from './host-requests.js'
import type { HostList } from './host-list.js'

/** No other host: everything is here. */
export function alone(members: HostList): Backbone {
  const requests = new HostRequests()
  return {
    members,
    reach: (van): Reach => ({
      accept: envelope => van.accept(envelope),
      ready: () => undefined,
      ask: () => Promise.resolve([]),
    }),
    request: (host, name, args) => {
      const { id } = members.self
      if (host !== id) return Promise.reject(noSuchHost(host))
      return hostRequest(name, args, body => requests.handle(name, body, id))
    },
    requestLeader: (name, args) =>
      hostRequest(name, args, body => requests.handle(name, body, members.self.id)),
    serve: (name, handler) => requests.serve(name, handler),
    selfChanged: () => members.selfChanged(),
  }
}
