import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { ConventionHost } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { actorsModule as module } from '../../support/hosts.js'
import { Sandbox } from '../../support/sandbox.js'

describe('an actor of a follower with a store that is killed', () => {
  it('gets messages from the leader when its host is back, and none becomes a dead letter', async () => {
    const leader = new ConventionHost(await Sandbox.make(), ['--leader'])
    const sandbox = await Sandbox.make()
    const args = ['--store', join(sandbox.home, 'store'), '--root', dirname(module)]
    let follower: ConventionHost | undefined
    try {
      await leader.start()
      follower = new ConventionHost(sandbox, ['--join', `127.0.0.1:${leader.port}`, ...args])
      await follower.start()
      const [here, there] = [leader.bus(), follower.bus()]
      await eventually(async () => expect((await here.status()).hosts).to.have.lengthOf(2))
      const ref = await there.actors.create({ module, export: 'Memory' }, { name: 'far' })
      const far = here.actors.ref(ref)
      await far.tell(-1)
      await follower.process?.kill('SIGKILL')
      const told = Promise.all(Array.from({ length: 200 }, (_, i) => far.tell(i)))
      const answer = firstValueFrom(far.ask<{ all: number[] }>('end'))
      await follower.start()
      await told
      const { all } = await answer
      expect(all.filter(one => typeof one === 'number' && one >= 0)).to.deep.equal(
        Array.from({ length: 200 }, (_, i) => i),
      )
      expect(await here.deadLetters().list()).to.deep.equal([])
    } finally {
      await follower?.clean()
      await leader.clean()
    }
  })
})
