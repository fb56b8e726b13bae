import type { Backbone, Reach } from './backbone.js'
import { HostRequests, noSuchHost } from './host-requests.js'
import type { Members } from './leader/members.js'

/** No other host: everything is here. */
export function alone(members: Members): Backbone {
  const requests = new HostRequests()
  return {
    members,
    isFollower: false,
    publisherPrefix: '',
    homes: [],
    reach: ({ broker }): Reach => ({
      accept: envelope => broker.accept(envelope),
      ready: () => undefined,
      ask: () => Promise.resolve([]),
      close: () => undefined,
    }),
    request: (host, name, body) => {
      const { id } = members.self
      return host === id ? requests.handle(name, body, id) : Promise.reject(noSuchHost(host))
    },
    requestLeader: (name, body) => requests.handle(name, body, members.self.id),
    serve: (name, handler) => requests.serve(name, handler),
    selfChanged: () => members.selfChanged(),
    close: () => Promise.resolve(),
  }
}
