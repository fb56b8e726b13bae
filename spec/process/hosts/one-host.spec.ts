import { expect } from 'chai'
import { Sandbox } from '../../support/sandbox.js'

const MANY = 20

describe('one host', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it(`results when ${MANY} processes call van() at once, and all of them are in it`, async function () {
    this.timeout(60_000)
    const processes = Array.from({ length: MANY }, (_, i) =>
      sandbox.script(`
        process.stdin.once('data', async () => {
          const bus = msgvan.van()
          const heard = new Promise(resolve => bus.topic('all').subscribe(resolve))
          bus.topic(/^hello/).subscribe(({ payload }) => console.log('heard', payload))
          await bus.ready()
          console.log('host', (await bus.status()).host.pid)
          await heard
          await bus.publish('hello', ${i})
          process.stdin.resume()
        })
        console.log('ready')`),
    )
    await Promise.all(processes.map(each => each.shows(/ready/)))
    for (const each of processes) each.write('go\n')
    const pids = await Promise.all(processes.map(async each => (await each.shows(/host (\d+)\n/))[1]))
    expect(new Set(pids).size).to.equal(1)
    expect(Number(pids[0])).to.equal(await sandbox.hostPid())

    const pub = await sandbox.msgvan(['pub', 'all', 'now', '--no-start']).ended
    expect(pub).to.include({ code: 0, stderr: '' })
    for (const each of processes) {
      const lines = await each.hasLines(2 + MANY)
      const heard = lines.filter(line => line.startsWith('heard')).map(line => Number(line.split(' ')[1]))
      expect(heard.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: MANY }, (_, i) => i))
    }
  })

  it('is started, and takes over, for a bus that publishes and closes in one turn', async () => {
    const script = `
      const bus = msgvan.van()
      bus.topic('t', { name: 'w' }).subscribe()
      const published = bus.publish('t', 1)
      await bus.close()
      await published
      console.log('accepted')`
    for (const host of ['not there', 'there']) {
      const { code, stdout } = await sandbox.script(script).ended
      expect({ code, stdout }, host).to.deep.equal({ code: 0, stdout: 'accepted\n' })
    }
  })

  it('serves two buses of one process', async () => {
    const both = sandbox.script(`
      const buses = [msgvan.van(), msgvan.van()]
      const pids = await Promise.all(buses.map(async bus => (await bus.status()).host.pid))
      console.log(JSON.stringify(pids))
      await Promise.all(buses.map(bus => bus.close()))`)
    const { code, stdout } = await both.ended
    const [first, second] = JSON.parse(stdout) as number[]
    expect({ code, second }).to.deep.equal({ code: 0, second: first })
    expect(first).to.equal(await sandbox.hostPid())
  })
})
