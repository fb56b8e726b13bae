import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { skipUnless } from '../support/requirement.js'

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

  const busy = `
    const bus = msgvan.van(options)
    bus.topic('jobs').pipe(msgvan.handle(() => new Promise(resolve => setTimeout(resolve, 300)))).subscribe()
    await bus.ready()
    await bus.publish('jobs')
    setInterval(() => bus.publish('x'), 1)
    const main = async () => {
      for (;;) {
        await bus.publish('y')
        await new Promise(resolve => setTimeout(resolve, 1))
      }
    }
    main().catch(error => {
      console.log(error.code)
      process.exit(1)
    })
    setInterval(() => bus.status().catch(error => {
      console.log(error.code)
      process.exit(1)
    }), 1)
    console.log('busy')`

  for (const [kind, options] of [
    ['over a host', '{}'],
    ['embedded', '{ embedded: true }'],
    ['that leaves signals alone', '{ handleSignals: false }'],
  ] as const) {
    it(`ends an app that goes on publishing as it ends any other, with a bus ${kind}`, async () => {
      const app = sandbox.script(`const options = ${options}\n${busy}`)
      await app.shows(/busy/)
      const { signal, stdout, stderr } = await app.kill('SIGTERM')
      expect({ signal, stdout, stderr }).to.deep.equal({ signal: 'SIGTERM', stdout: 'busy\n', stderr: '' })
    })
  }

  it('waits no longer than a restart takes for a host that nothing starts again, and says what it leaves in two lines', async () => {
    const app = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      await bus.ready()
      bus.state$.subscribe(state => {
        for (let n = 0; n < 10; n += 1) if (state === 'reconnecting') void bus.publish('x')
        console.log(state)
      })`)
    await app.shows(/connected/)
    await sandbox.msgvan(['stop']).ended
    await app.shows(/reconnecting/)
    const begin = performance.now()
    const { signal, stderr } = await app.kill('SIGTERM')
    expect(signal).to.equal('SIGTERM')
    expect(performance.now() - begin).to.be.lessThan(7_000)
    const lines = stderr.trim().split('\n')
    expect(lines.filter(line => line.includes('MSGVAN_DRAIN_TIMEOUT'))).to.have.lengthOf(1)
    expect(lines.filter(line => line.includes('MSGVAN_CLOSED'))).to.have.lengthOf(1)
    expect(stderr).to.match(/The host has ended, .* 10 publishes not accepted/)
  })

  it('leaves a bus alone that is not to handle signals', async () => {
    const app = sandbox.script(`
      const bus = msgvan.van({ embedded: true, handleSignals: false })
      console.log(process.listenerCount('SIGTERM'))`)
    expect(await app.ended).to.include({ code: 0, stdout: '0\n' })
  })

  it('drains the buses of two copies of msgvan in one process', async () => {
    const worker = sandbox.script(`
      const { van } = await import(${JSON.stringify(new URL('../../src/drain-on-sigterm.js?another', import.meta.url).href)})
        .then(other => ({ van: () => { const bus = msgvan.van({ handleSignals: false }); other.drainOnSigterm(bus, () => undefined); return bus } }))
      const another = van()
      another.state$.subscribe(state => { if (state === 'closed') console.log('closed') })
      ${working}`)
    await worker.shows(/began 1/)
    const { signal, stdout } = await worker.kill('SIGTERM')
    expect(signal).to.equal('SIGTERM')
    expect(stdout.split('\n').sort()).to.deep.equal(['', 'began 1', 'closed', 'done 1'])
  })

  it('ends the first process of a container, too, which its own signal does not reach', async function () {
    const namespace = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc']
    const { code: refused } = await sandbox.processes.start('unshare', [...namespace, 'true'], sandbox.env)
      .ended
    skipUnless(this, refused === 0, 'this machine allows no namespaces')
    const code = `const msgvan = await import(${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)})
      const bus = msgvan.van({ embedded: true })
      setInterval(() => undefined, 1_000)
      console.log('pid', process.pid)
      process.on('exit', code => console.log('code', code))
      const { spawn } = await import('node:child_process')
      spawn('kill', ['-TERM', '1'])`
    const app = sandbox.processes.start(
      'unshare',
      [...namespace, process.execPath, '--input-type=module', '-e', code],
      sandbox.env,
    )
    expect(await app.ended).to.include({ code: 143, stdout: 'pid 1\ncode 143\n' })
  })
})
