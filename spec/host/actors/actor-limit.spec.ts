import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Actors } from '../../../src/host/actors/actors.js'
import { ModuleRoots } from '../../../src/host/handlers/module-roots.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/actors.js', import.meta.url))

describe('an actor that crashes each time', () => {
  it('is stopped after ten crashes in a row, with a warning, and its messages become dead letters', async () => {
    const warnings: string[] = []
    const nothing = (): void => undefined
    const actors = new Actors(
      {
        broker: van => server.broker(van),
        replace: (van, request) => server.replace(van, request),
        get connection() {
          return { url: hostUrl(server.port), secret }
        },
        endSession: client => server.endSession(client),
        line: nothing,
        warn: text => void warnings.push(text),
        log: { error: nothing, warning: nothing, info: nothing, debug: nothing },
        capabilities: () => ({}),
        restartDelay: () => 1,
      },
      new ModuleRoots([]),
    )
    const server: HostServer = await startServer({ actors })
    const { bus } = clientOf(server.port)
    try {
      const actor = await bus.actors.create(
        { module, export: 'CrashesAlways' },
        { name: 'unlucky', attempts: 1_000 },
      )
      await Promise.all([actor.tell('first'), actor.tell('second')])
      const letters = await eventually(async () => {
        const all = await bus.deadLetters().list()
        expect(all).to.have.length(2)
        return all
      }, 100_000)
      expect(letters.map(({ payload }) => payload)).to.have.members(['first', 'second'])
      // While one waits for its retry, it is the other's turn.
      expect(letters.reduce((sum, { attempts }) => sum + attempts, 0)).to.equal(10)
      expect(letters[0]?.error).to.match(/Actor unlucky has ended/)
      expect(warnings.filter(text => text.includes('starts again'))).to.have.length(9)
      expect(warnings.at(-1)).to.match(/unlucky crashed too often, and is stopped/)
      expect(await bus.actors.find('unlucky')).to.equal(undefined)
    } finally {
      await actors.stopAll()
      await bus.close()
      await server.close()
    }
  }).timeout(120_000)
})
