import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'

describe('SIGTERM', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    await sandbox.msgvan(['host']).shows(/listening/)
  })
  afterEach(() => sandbox.clean())

  const working = `
    const bus = msgvan.van()
    bus.topic('jobs', { name: 'workers', prefetch: 1 }).pipe(msgvan.handle(async message => {
      console.log('began', message.payload)
      await new Promise(resolve => setTimeout(resolve, 300))
      console.log('done', message.payload)
    })).subscribe()
    await bus.ready()
    await bus.publish('jobs', 1)
    await bus.publish('jobs', 2)`

  it('lets the running handler finish, leaves what it was not handed, and then ends the process', async () => {
    const worker = sandbox.script(working)
    await worker.shows(/began 1/)
    const { signal, stdout } = await worker.kill('SIGTERM')
    expect({ signal, stdout }).to.deep.equal({ signal: 'SIGTERM', stdout: 'began 1\ndone 1\n' })
    const { stdout: status } = await sandbox.msgvan(['status', '--json']).ended
    const { subscriptions } = JSON.parse(status) as { subscriptions: Record<string, unknown>[] }
    expect(subscriptions[0]).to.include({ name: 'workers', acked: 1, failed: 0, pending: 1, inFlight: 0 })
  })

  it('leaves it to an app that listens itself', async () => {
    const worker = sandbox.script(
      `process.on('SIGTERM', () => { console.log('mine'); process.exit(7) });${working}`,
    )
    await worker.shows(/began 1/)
    expect(await worker.kill('SIGTERM')).to.include({ code: 7, stdout: 'began 1\nmine\n' })
  })

  it('a second one ends the process at once', async () => {
    const worker = sandbox.script(working.replace('300', '60_000'))
    await worker.shows(/began 1/)
    worker.child.kill('SIGTERM')
    // Signals that come together are one: the second is sent when the first was acted on.
    await worker.until(() => (worker.child.killed ? true : undefined), 'the first signal')
    const again = setInterval(() => worker.child.kill('SIGTERM'), 50)
    const { signal, stdout } = await worker.ended
    clearInterval(again)
    expect({ signal, stdout }).to.deep.equal({ signal: 'SIGTERM', stdout: 'began 1\n' })
  })

  it('once every bus is closed it is the system’s own again', async () => {
    const app = sandbox.script(`
      const bus = msgvan.van()
      await bus.ready()
      await bus.close()
      console.log(process.listenerCount('SIGTERM'))`)
    expect(await app.ended).to.include({ code: 0, stdout: '0\n' })
  })
})
