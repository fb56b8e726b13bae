import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import type { VanStatus } from '../../src/index.js'
import { freePort } from '../support/ports.js'
import { Sandbox } from '../support/sandbox.js'
import { eventually } from '../support/eventually.js'
import { busOn } from '../support/sandbox-bus.js'

const index = new URL('../../src/index.js', import.meta.url).href

describe('msgvan host --store', () => {
  let sandbox: Sandbox
  let folder: string
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    folder = join(sandbox.home, 'store')
  })
  afterEach(() => sandbox.clean())

  const host = async () => {
    const started = sandbox.msgvan(['host', '--store', folder])
    await started.shows(/listening/)
    return started
  }
  const status = async () =>
    JSON.parse((await sandbox.msgvan(['status', '--json']).ended).stdout) as VanStatus

  it('after kill -9 a for await loop goes on, and owes a publish that was aborted', async () => {
    const first = await host()
    const client = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      const names = ['full', 't'].map(name => bus.topic(name, { name, ordered: true, maxPending: name === 'full' ? 1 : 100 }).subscribe())
      await bus.ready()
      for (const each of names) each.unsubscribe()
      const controller = new AbortController()
      await bus.publish('full', 1)
      const held = bus.publish('full', 2, { signal: controller.signal })
      setTimeout(() => controller.abort(new Error('enough')), 50)
      await held.catch(error => console.log(error.message))
      await Promise.all(Array.from({ length: 20 }, (_, n) => bus.publish('t', n)))
      const seen = []
      for await (const message of bus.topic('t', { name: 't', ordered: true, maxPending: 100 })) {
        const { payload, signal } = message
        if (payload === 5 && !seen.includes(5)) {
          console.log('kill the host')
          await new Promise(resolve => signal.addEventListener('abort', resolve))
          console.log(signal.reason.code)
        }
        seen.push(payload)
        if (payload < 19) continue
        message.ack()
        break
      }
      console.log(JSON.stringify(seen))
      for await (const message of bus.topic('full', { name: 'full', ordered: true, maxPending: 1 })) {
        console.log('full', message.payload)
        if (message.payload === 1) continue
        message.ack()
        break
      }
      await bus.close()`)
    await client.shows(/enough\n(.*\n)*kill the host/)
    first.child.kill('SIGKILL')
    await first.ended
    await host()
    const { stdout } = await client.ended
    const numbers = Array.from({ length: 20 }, (_, n) => n)
    expect(stdout).to.equal(
      [
        'enough',
        'kill the host',
        'MSGVAN_TAKEN_AWAY',
        JSON.stringify([...numbers.slice(0, 6), ...numbers.slice(5)]),
        'full 1',
        'full 2',
        '',
      ].join('\n'),
    )
  })

  it('owes after kill -9 what it had accepted', async () => {
    const first = await host()
    await sandbox.script(`
      const bus = msgvan.van()
      const registration = bus.topic(/^jobs/, { name: 'work' }).subscribe()
      await bus.ready()
      registration.unsubscribe()
      await bus.ready()
      await Promise.all(Array.from({ length: 1000 }, (_, i) => bus.publish('jobs', i)))
      await bus.close()`).ended
    first.child.kill('SIGKILL')
    await first.ended
    await host()
    expect((await status()).subscriptions[0]).to.include({ name: 'work', pending: 1000 })
    const { stdout } = await sandbox.msgvan(['sub', '^jobs', '--name', 'work', '--count', '1000', '--raw'])
      .ended
    expect(stdout.trim().split('\n')).to.deep.equal(Array.from({ length: 1000 }, (_, i) => String(i)))
    await eventually(async () =>
      expect((await status()).subscriptions[0]).to.include({ pending: 0, inFlight: 0 }),
    )
    const replayed = await sandbox.msgvan(['sub', '^jobs', '--from', 'last:2', '--count', '2', '--raw']).ended
    expect(replayed.stdout).to.equal('998\n999\n')
  })

  it('goes on with a handle that had thousands waiting inside it', async () => {
    const first = await host()
    const worker = sandbox.script(`
      // A client that starts the next host itself would be faster now and then.
      const bus = msgvan.van({ autoStart: false })
      const done = new Set()
      let isHeld = true
      const work = async ({ payload }) => {
        await new Promise(resolve => isHeld ? process.once('SIGUSR2', resolve) : setImmediate(resolve))
        isHeld = false
        if (done.add(payload).size === 10_000) console.log('all done')
      }
      const registration = bus.topic('jobs', { name: 'work' }).subscribe()
      await bus.ready()
      registration.unsubscribe()
      await bus.ready()
      await Promise.all(Array.from({ length: 10_000 }, (_, i) => bus.publish('jobs', i)))
      bus.topic('jobs', { name: 'work' }).pipe(msgvan.handle(work)).subscribe()`)
    const isFull = () =>
      eventually(async () =>
        expect((await status()).subscriptions[0]).to.include({ inFlight: 4_096, acked: 0 }),
      )
    await isFull()
    first.child.kill('SIGKILL')
    await first.ended
    await host()
    await isFull()
    worker.child.kill('SIGUSR2')
    await worker.shows(/all done/)
    await eventually(async () =>
      expect((await status()).subscriptions[0]).to.include({ pending: 0, inFlight: 0 }),
    )
    await worker.kill('SIGKILL')
  })

  it('runs its handlers again', async () => {
    await mkdir(join(sandbox.home, 'handlers'), { recursive: true })
    const module = join(sandbox.home, 'handlers', 'echo.mjs')
    await writeFile(module, `export default message => console.log('handled', message.payload)`)
    const first = await host()
    const { code, stderr } = await sandbox.script(`
      const bus = msgvan.van()
      await bus.subscribeHandler('echo', { module: ${JSON.stringify(module)} }, 't')
      await bus.publish('t', 1)
      await bus.close()`).ended
    expect(code, stderr).to.equal(0)
    await first.shows(/handled 1/)
    first.child.kill('SIGKILL')
    await first.ended
    const second = await host()
    await sandbox.msgvan(['pub', 't', '2', '--no-start']).ended
    await second.shows(/handled 2/)
    await sandbox.msgvan(['unsubscribe', 'echo']).ended
    await sandbox.msgvan(['stop']).ended
    await host()
    expect((await status()).subscriptions).to.deep.equal([])
  })

  it('gives handlers and actors what was kept before, once', async () => {
    const module = join(sandbox.home, 'late.mjs')
    await writeFile(
      module,
      `import { defineActor } from ${JSON.stringify(index)}
       export default ({ payload }) => console.log('handler', payload)
       export const actor = defineActor({ setup: () => ({
         receive: ({ payload }) => console.log('actor', payload) }) })`,
    )
    const first = await host()
    const bus = busOn(sandbox, 'default')
    try {
      for (const word of ['one', 'two', 'three']) await bus.publish('t', word)
      await bus.subscribeHandler('all', { module }, 't', { from: 'start' })
      const actor = await bus.actors.create({ module, export: 'actor' })
      await bus.subscribeActor('some', actor, 't', { from: { last: 2 } })
      await first.shows(/handler one[^]*handler two[^]*handler three/)
      await first.shows(/actor two[^]*actor three/)
      expect(first.stdout).not.to.contain('actor one')
      await eventually(async () => {
        for (const { acked, pending, inFlight } of (await bus.status()).subscriptions.filter(
          ({ pattern }) => pattern === 't',
        ))
          expect({ isSome: acked >= 2, pending, inFlight }).to.deep.equal({
            isSome: true,
            pending: 0,
            inFlight: 0,
          })
      })
      await sandbox.msgvan(['stop']).ended
      const second = await host()
      await bus.publish('t', 'four')
      await second.shows(/handler four/)
      await second.shows(/actor four/)
      expect(second.stdout).not.to.match(/one|two|three/)
    } finally {
      await bus.close({ drain: false })
    }
  })

  it('runs its actors again: the same refs, their messages, and the capabilities of the host', async () => {
    const module = join(sandbox.home, 'actors.mjs')
    await writeFile(
      module,
      `import { defineActor } from ${JSON.stringify(index)}
       const receive = ({ payload, redelivered }) => {
         console.log('got', payload)
         return payload === 'hang' && !redelivered ? new Promise(() => undefined) : 'answer to ' + payload
       }
       const setup = () => ({ receive })
       export const clerk = defineActor({ requires: { disk: 'ssd' }, setup })
       export const parent = defineActor({ setup: async ({ create }) => {
         await create({ module: import.meta.url, export: 'clerk' })
         return { receive }
       } })`,
    )
    const first = await host()
    await sandbox.script(`
      const bus = msgvan.van({ capabilities: { disk: 'ssd', gpu: 1 } })
      await bus.ready()
      await bus.close()
      const again = msgvan.van({ capabilities: { gpu: null } })
      await again.ready()
      await again.close()`).ended
    const bus = busOn(sandbox, 'default')
    try {
      const clerk = await bus.actors.create({ module, export: 'clerk' }, { name: 'clerk' })
      await bus.subscribeActor('jobs', clerk, 'job')
      await bus.actors.create({ module, export: 'parent' })
      for (const word of ['hang', 'one', 'two']) await clerk.tell(word)
      await first.shows(/got hang/)
      first.child.kill('SIGKILL')
      await first.ended
      const second = await host()
      await second.shows(/got hang[^]*got one[^]*got two/)
      expect(await firstValueFrom(clerk.ask('what'))).to.equal('answer to what')
      expect((await bus.actors.find('clerk'))?.id).to.equal(clerk.id)
      await bus.publish('job', 'work')
      await second.shows(/got work/)
      // The parent makes its child anew in its own time. No mailbox is left of the one before.
      await eventually(async () => {
        const { host: itself, actors, subscriptions } = await bus.status()
        expect(itself.capabilities).to.deep.equal({ disk: 'ssd' })
        expect(actors.map(({ export: name }) => name).sort()).to.deep.equal(['clerk', 'clerk', 'parent'])
        expect(subscriptions.filter(({ pattern }) => pattern.startsWith('$actor/'))).to.have.lengthOf(3)
      }, 30_000)
      await clerk.stop()
      await sandbox.msgvan(['stop']).ended
      await host()
      await eventually(async () => expect((await bus.status()).actors).to.have.lengthOf(2))
      expect(await bus.actors.find('clerk')).to.equal(undefined)
    } finally {
      await bus.close({ drain: false })
    }
  })

  it('stops in order and owes the same, sessions included', async () => {
    await host()
    const listener = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      bus.errors$.subscribe(error => console.log(error.code))
      bus.topic(/^t/).subscribe(({ payload }) => console.log('got', payload))
      await bus.ready()
      console.log('in force')`)
    await listener.shows(/in force/)
    await sandbox.msgvan(['pub', 't', '1']).ended
    await listener.shows(/got 1/)
    await sandbox.msgvan(['stop']).ended
    await host()
    await sandbox.msgvan(['pub', 't', '2']).ended
    await listener.shows(/got 2/)
    expect(listener.stdout).to.not.match(/GAP/)
  })

  it('says in one line why it does not start', async () => {
    await host()
    const other = await sandbox.msgvan(['host', '--store', folder, '--port', String(await freePort())]).ended
    expect(other.code).to.equal(1)
    expect(other.stderr.trim().split('\n')).to.have.lengthOf(1)
    expect(other.stderr).to.match(/in use by another host.*MSGVAN_STORE_IN_USE/)
    const file = join(sandbox.home, 'file')
    await writeFile(file, '')
    const none = await sandbox.msgvan(['host', '--store', file, '--port', String(await freePort())]).ended
    expect(none.code).to.equal(1)
    expect(none.stderr).to.match(/cannot be used.*MSGVAN_STORE\)/)
  })

  it('says that its store is torn, keeps it aside, and goes on with a new one', async () => {
    await mkdir(folder)
    await writeFile(join(folder, 'data.mdb'), 'torn')
    const started = await host()
    await started.shows(/is damaged: .* It was kept in .*damaged-/)
    const aside = (await readdir(folder)).find(name => name.startsWith('damaged-'))
    expect(await readFile(join(folder, aside ?? '', 'data.mdb'), 'utf8')).to.equal('torn')
  })
})
