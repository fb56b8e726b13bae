import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { LimitError } from '../../../src/index.js'
import { rejection } from '../../support/messages.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../../spec/fixtures/${name}`, import.meta.url))

describe('--max-workers', () => {
  let sandbox: Sandbox

  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })

  afterEach(() => sandbox.clean())

  it('bounds the handlers and instances of actors: one that is too many is refused, and starts nothing', async () => {
    await sandbox.msgvan(['host', '--max-workers', '3']).shows(/listening/)
    const bus = busOn(sandbox, 'default')
    const create = (instances: number) =>
      bus.actors.create({ module: fixture('actors.js'), export: 'Memory' }, { instances })
    const handle = (name: string) =>
      bus.subscribeHandler(name, { module: fixture('handlers.js'), export: 'print' }, 't')
    const actor = await create(2)
    expect(await rejection(create(60))).to.be.instanceOf(LimitError)
    await handle('one')
    expect(await rejection(handle('two'))).to.be.instanceOf(LimitError)
    // Its own successor takes its place.
    await handle('one')
    expect((await bus.status()).actors.map(({ instances }) => instances)).to.deep.equal([2])
    await actor.stop()
    await create(2)
    await bus.close()
  })
})
