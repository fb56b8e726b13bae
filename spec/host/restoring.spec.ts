import { expect } from 'chai'
import { encodePayload } from '../../src/codec/payload.js'
import { hostUrl } from '../../src/daemon/find/listens.js'
import { Actors } from '../../src/host/actors/actors.js'
import { Handlers } from '../../src/host/handlers/handlers.js'
import { registrationsOf, startRegistered } from '../../src/host/handlers/registrations.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { HandlerModuleError } from '../../src/index.js'
import { encodeRequest } from '../../src/wire/frames/subscription-request.js'
import { secret, startServer } from '../support/host-server.js'
import { request } from '../support/local-broker.js'

const nothing = (): void => undefined

describe('handlers and actors of the previous host', () => {
  let server: HostServer
  beforeEach(async () => {
    server = await startServer()
  })
  afterEach(() => server.close())

  it('are left to the next one until they run here, or cannot', async () => {
    const warnings: string[] = []
    let fail = nothing
    const loading = new Promise<string>((_, reject) => {
      fail = () => reject(new HandlerModuleError('It is not there.'))
    })
    const host = {
      broker: (van: string) => server.broker(van),
      replace: (...subscription: Parameters<HostServer['replace']>) => server.replace(...subscription),
      connection: { url: hostUrl(server.port), secret },
      endSession: nothing,
      line: nothing,
      warn: (text: string) => void warnings.push(text),
      log: { error: nothing, warning: nothing, info: nothing, debug: nothing },
      capabilities: () => ({}),
    }
    const roots = { resolve: () => loading }
    const handlers = new Handlers(host, roots)
    const actors = new Actors(host, roots)
    const code = { module: '/code.mjs', export: 'it' }
    const actor = {
      encodedArgs: encodePayload(1),
      instances: 1,
      requires: {},
      attempts: 5,
      setupTimeout: 1_000,
    }
    const before = {
      subscriptions: [],
      handlers: [
        {
          ...{ ...code, van: 'default', name: 'handler', callerIsLocalUser: true, callerIsHandler: false },
          request: encodeRequest({ ...request(), name: 'handler' }),
        },
      ],
      actors: [
        {
          ...{ van: 'default', id: 'actor', isLocalUser: true, subscriptions: [] },
          request: { ...code, ...actor, isolation: 'thread' as const },
        },
      ],
    }
    const started = startRegistered(before, handlers, actors, host.warn)
    const left = () => registrationsOf(server, handlers, actors, {})
    expect(left().handlers).to.deep.equal(before.handlers)
    expect(left().actors).to.deep.equal(before.actors)
    fail()
    await started
    expect(warnings).to.have.lengthOf(2)
    expect([...left().handlers, ...left().actors]).to.deep.equal([])
  })
})
