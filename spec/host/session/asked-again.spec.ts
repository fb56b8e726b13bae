import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Actors } from '../../../src/host/actors/actors.js'
import { ModuleRoots } from '../../../src/host/handlers/module-roots.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostUnreachableError, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { register, rejection } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/actors.js', import.meta.url))
const nothing = (): void => undefined

describe('a call whose session was lost before it was answered', () => {
  let actors: Actors
  let server: HostServer
  let proxy: Proxy
  let far: Bus
  let near: Bus

  const start = async (port = 0): Promise<void> => {
    actors = new Actors(
      {
        broker: van => server.broker(van),
        replace: (van, request) => server.replace(van, request),
        get connection() {
          return { url: hostUrl(server.port), secret }
        },
        endSession: client => server.endSession(client),
        line: nothing,
        warn: nothing,
        log: { error: nothing, warning: nothing, info: nothing, debug: nothing },
        capabilities: () => ({}),
        restartDelay: () => 1,
      },
      new ModuleRoots([]),
    )
    server = await startServer({ port, sessionTtl: 20, actors })
  }
  const end = async (): Promise<void> => {
    await actors.stopAll()
    await server.close()
  }
  /** Its session ends before it is back. */
  const loseSession = async (): Promise<void> => {
    const { clients } = server
    proxy.cut()
    await eventually(() => expect(server.clients).to.equal(clients - 1))
    proxy.mend()
  }
  /** Another host is there, which remembers nothing. */
  const loseHost = async (): Promise<void> => {
    const { port } = server
    proxy.cut()
    await end()
    await start(port)
    proxy.mend()
  }
  const names = async () => (await near.status()).subscriptions.map(({ name }) => name)
  const running = async () => (await near.status()).actors.map(({ id }) => id)
  const isUnknown = async (answer: Promise<unknown>): Promise<void> => {
    const error = await rejection(answer)
    expect(error).to.be.instanceOf(HostUnreachableError)
    expect(String(error)).to.contain('it is unknown whether the call was carried out')
  }

  beforeEach(async () => {
    await start()
    proxy = await Proxy.to(server.port)
    const { bus } = clientOf(proxy.port)
    far = bus
    near = clientOf(server.port).bus
    await Promise.all([far.ready(), near.ready()])
  })
  afterEach(async () => {
    await Promise.all([far, near].map(each => each.close({ drain: false })))
    await proxy.close()
    await end()
  })

  describe('unsubscribe()', () => {
    let answer: Promise<boolean>

    beforeEach(async () => {
      await register(near, 'work', 't')
      proxy.silence()
      answer = far.unsubscribe('work')
      await eventually(async () => expect(await names()).to.deep.equal([]))
    })

    it('has its answer in the next session', async () => {
      await loseSession()
      expect(await answer).to.equal(true)
    })

    it('is rejected at a host that does not know, when there is no such name', async () => {
      const rejected = isUnknown(answer)
      await loseHost()
      await rejected
    })
  })

  it('actors.create() without a name creates one actor, and has its address in the next session', async () => {
    proxy.silence()
    const answer = far.actors.create({ module, export: 'Memory' })
    const [id] = await eventually(async () => {
      const all = await running()
      expect(all).to.have.lengthOf(1)
      return all
    })
    await loseSession()
    expect((await answer).id).to.equal(id)
    expect(await running()).to.deep.equal([id])
  })

  it('actors.create() is rejected at a host that does not know, and creates nothing', async () => {
    proxy.silence()
    const rejected = isUnknown(far.actors.create({ module, export: 'Memory' }))
    await eventually(async () => expect(await running()).to.have.lengthOf(1))
    await loseHost()
    await rejected
    expect(await running()).to.deep.equal([])
  })

  it('actors.create() with a name finds or makes the actor at a host that does not know', async () => {
    proxy.silence()
    const answer = far.actors.create({ module, export: 'Memory' }, { name: 'one' })
    await eventually(async () => expect(await running()).to.have.lengthOf(1))
    await loseHost()
    const { id } = await answer
    expect(await running()).to.deep.equal([id])
  })

  it('actors.stop() has its answer in the next session', async () => {
    const { id } = await near.actors.create({ module, export: 'Memory' })
    proxy.silence()
    const answer = far.actors.stop(id)
    await eventually(async () => expect(await running()).to.deep.equal([]))
    await loseSession()
    expect(await answer).to.equal(true)
  })
})
