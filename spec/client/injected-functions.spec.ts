import { expect } from 'chai'
import { firstValueFrom, range, toArray } from 'rxjs'
import { handle, van, type Bus } from '../../src/index.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { clientOf, startServer } from '../support/host-server.js'

/** All that a bus does that needs a timer or a microtask. */
async function useAll(bus: Bus): Promise<void> {
  const attempts: number[] = []
  const done = new Promise<void>(resolve => {
    bus
      .topic('work', { attempts: 2, delay: 1, ackTimeout: 5_000 })
      .pipe(
        handle(async ({ attempt }) => {
          attempts.push(attempt)
          if (attempt === 1) throw new Error('once')
        }),
      )
      .subscribe(() => resolve())
  })
  bus.topic('late', { ack: 'manual', ackTimeout: 1, attempts: 1 }).subscribe()
  const dead = firstValueFrom(bus.deadLetters())
  await bus.ready()
  await bus.publish('late')
  await dead
  await Promise.all([bus.publish('work'), done])
  expect(attempts).to.deep.equal([1, 2])
  bus.expose('numbers', (upTo: number) => range(1, upTo))
  expect(await firstValueFrom(bus.observe('numbers', 3).pipe(toArray()))).to.deep.equal([1, 2, 3])
}

/** `spec/support/hooks.ts` has the global functions check `this` as a browser does. */
describe('injected functions', () => {
  it('fail this suite when another object calls them as its methods', () => {
    for (const run of [
      queueMicrotask,
      setTimeout,
      setInterval,
      clearTimeout,
      clearInterval,
    ] as (() => void)[])
      expect(() => ({ run }).run()).to.throw(TypeError, 'Illegal invocation')
  })

  it('are never called as methods by a bus in this process', async () => {
    const bus = van({ embedded: true })
    await useAll(bus)
    await bus.close()
  })

  describe('over a host', () => {
    let host: HostServer

    beforeEach(async () => {
      host = await startServer()
    })

    afterEach(() => host.close())

    it('are never called as methods by the client, also when its connection is lost', async () => {
      const { bus } = clientOf(host.port)
      await useAll(bus)
      const { port } = host
      await host.close()
      const kept = bus.publish('while away')
      host = await startServer({ port })
      await kept
      await bus.close()
    })
  })
})
