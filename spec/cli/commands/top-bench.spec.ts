import { expect } from 'chai'
import type { Sample } from '../../../src/cli/text/rates.js'
import { Sandbox } from '../../support/sandbox.js'

describe('msgvan top', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('shows what happens, look after look, until so many looks', async () => {
    await sandbox.msgvan(['start']).ended
    const worker = sandbox.msgvan(['sub', '^jobs', '--name', 'workers', '--verbose'])
    await worker.shows(/listening for/)
    const top = sandbox.msgvan(['top', '--interval', '0.2', '--json'])
    await top.hasLines(1)
    await sandbox.msgvan(['pub', 'jobs', 'x']).ended
    const seen = await top.until(() => {
      const samples = top.lines.map(line => JSON.parse(line) as Sample)
      return samples.find(({ perSecond }) => perSecond.published > 0)
    }, 'a look in which something was published')
    expect(seen.counters.published).to.equal(1)
    expect(seen.perSecond.published).to.equal(Math.round(10 / seen.seconds) / 10)
    expect(seen.subscriptions[0]).to.include({ name: 'workers', pattern: '/^jobs/', consumers: 1 })
    expect((await top.kill('SIGINT')).code).to.equal(130)

    const table = await sandbox.msgvan(['top', '--interval', '0.1', '--count', '2']).ended
    expect(table.code, table.stderr).to.equal(0)
    expect(table.stdout.match(/^workers {2}\/\^jobs\/ +1 /gm)).to.have.length(2)
  })

  it('ends when its reader is gone', async () => {
    await sandbox.msgvan(['start']).ended
    const top = sandbox.msgvan(['top', '--interval', '0.1', '--json'])
    await top.hasLines(1)
    top.child.stdout?.destroy()
    expect((await top.ended).code).to.equal(0)
  })

  it('waits for a host that is away, and goes on', async () => {
    await sandbox.msgvan(['start']).ended
    const top = sandbox.msgvan(['top', '--interval', '0.1', '--json'])
    await top.hasLines(1)
    await sandbox.msgvan(['restart']).ended
    const pid = await sandbox.hostPid()
    await top.until(
      () => top.lines.find(line => (JSON.parse(line) as Sample).host.pid === pid),
      'the next host',
    )
  })

  it('starts no host', async () => {
    const { code, stdout, stderr } = await sandbox.msgvan(['top']).ended
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(/No host is running.*MSGVAN_HOST_UNREACHABLE/)
  })
})

describe('msgvan bench', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('measures, in a van of its own, and leaves nothing there', async () => {
    const watcher = sandbox.msgvan(['sub', '.', '--verbose'])
    await watcher.shows(/listening for/)
    const { code, stdout, stderr } = await sandbox.msgvan([
      'bench',
      '--count',
      '500',
      '--size',
      '1000',
      '--json',
    ]).ended
    expect(code, stderr).to.equal(0)
    const figures = JSON.parse(stdout) as Record<string, number>
    expect(figures).to.include({ count: 500, size: 1_000, stored: false })
    expect(figures['messagesPerSecond']).to.be.greaterThan(0)
    expect(figures['latency']).to.have.all.keys('p50', 'p99', 'max')
    const status = await sandbox.msgvan(['status', '--van', 'msgvan-bench', '--json']).ended
    const { subscriptions, counters } = JSON.parse(status.stdout) as Sample
    expect(subscriptions).to.deep.equal([])
    // 500 at once, and 500 one by one.
    expect(counters).to.include({ published: 1_000, acked: 1_000 })
    await sandbox.msgvan(['pub', 'seen']).ended
    await watcher.shows(/^seen/m)
    expect(watcher.lines).to.have.length(1)
  })

  it('says in a text what it found, and of a host with a store that it is one', async () => {
    await sandbox.msgvan(['start', '--store', `${sandbox.home}/store`]).ended
    const { code, stdout, stderr } = await sandbox.msgvan(['bench', '--count', '100']).ended
    expect(code, stderr).to.equal(0)
    expect(stdout).to.match(
      /^100 messages of 100 bytes, published, acknowledged when they are on the disk and delivered:\n {2}[\d,]+ messages a second, [\d.]+ MB a second\none at a time/,
    )
  })

  it('is ended by a signal', async () => {
    await sandbox.msgvan(['start']).ended
    const bench = sandbox.msgvan(['bench', '--count', '100000000'])
    await eventuallyBusy(sandbox)
    expect((await bench.kill('SIGINT')).code).to.equal(130)
  })
})

/** It has begun to publish. */
async function eventuallyBusy(sandbox: Sandbox): Promise<void> {
  const top = sandbox.msgvan(['top', '--van', 'msgvan-bench', '--interval', '0.1', '--json'])
  await top.until(
    () => top.lines.find(line => (JSON.parse(line) as Sample).counters.published > 1_000),
    'a start',
  )
  await top.kill('SIGINT')
}
