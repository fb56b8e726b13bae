import { access, mkdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { askHost } from '../../../src/daemon/find/ask.js'
import { isGoneWithin } from '../../../src/daemon/gone.js'
import { announceSettings, readHostToken, readSettings } from '../../../src/daemon/settings-file.js'
import { somebodyListens } from '../../../src/daemon/find/listens.js'
import { eventually } from '../../support/eventually.js'
import { otherVersion } from '../../support/other-version.js'
import { lingering } from '../../support/lingering.js'
import { Sandbox } from '../../support/sandbox.js'
import { onlyOnLinux } from '../../support/requirement.js'

describe('how a host was started', () => {
  let sandbox: Sandbox
  let store: string
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    store = join(sandbox.home, 'store')
  })
  afterEach(() => sandbox.clean())

  const settings = async () =>
    (await askHost(sandbox, broker => broker.callHost('settings'))) as Record<string, unknown>
  const none = { store: undefined, token: undefined }
  const run = async (...args: string[]) => {
    const ended = await sandbox.msgvan(args).ended
    expect(ended, args.join(' ')).to.include({ code: 0 })
    return ended
  }
  const killHost = async (): Promise<void> => {
    const pid = await sandbox.hostPid()
    process.kill(pid, 'SIGKILL')
    expect(await isGoneWithin(10_000, pid, sandbox.port)).to.equal(true)
  }
  /** Where jobs wait. */
  const makeName = () =>
    sandbox.script(`
      const bus = msgvan.van()
      bus.topic(/job/, { name: 'work' }).subscribe()
      await bus.ready()
      await bus.close()`).ended
  /** A client that publishes the lines that it is given. */
  const client = async (options = '{}') => {
    const started = sandbox.script(`
      const bus = msgvan.van(${options})
      bus.errors$.subscribe(error => console.log('error', error.code, error.message))
      process.stdin.on('data', line => bus.publish('job', String(line).trim()).then(() => console.log('kept', String(line).trim())))
      console.log('client')`)
    await started.shows(/client/)
    return started
  }

  it('holds for the next host of a client after a kill: a memory-only host never replaces one with a store', async () => {
    await run('start', '--store', store, '--session-ttl', '7')
    await makeName()
    const before = await settings()
    const publisher = await client()
    publisher.write('one\n')
    await publisher.shows(/kept one/)
    await killHost()
    publisher.write('two\n')
    await publisher.shows(/kept two/)
    expect(await settings()).to.include({ store, sessionTtl: '7' })
    expect(before).to.include({ store })
    await publisher.kill('SIGKILL')
    await killHost()
    // A client that never met the first host, too.
    await run('pub', 'job', 'three')
    const got = await run('sub', 'job', '--name', 'work', '--count', '3')
    expect(got.stdout).to.equal('job one\njob two\njob three\n')
  })

  it('is kept after a stop, for start, host and clients, until --fresh', async () => {
    await run(
      'start',
      '--store',
      store,
      '--leader',
      '--token',
      'a secret of 20 letters',
      '--capabilities',
      '{"gpu":1}',
    )
    await run('stop')
    await run('start', '--idle', '300')
    expect(await settings()).to.include({ store, leader: true, token: 'a secret of 20 letters', idle: '300' })
    await run('stop')
    await run('pub', 'x')
    expect(await settings()).to.include({ store, leader: true, idle: '300' })
    expect(JSON.parse((await run('status', '--json')).stdout)).to.have.deep.nested.property(
      'host.capabilities',
      { gpu: 1 },
    )
    await run('stop')
    await run('start', '--fresh')
    expect(await settings()).to.include(none)
    await run('restart')
    expect(await settings()).to.include(none)
  })

  it('is kept after an idle end', async () => {
    await run('host', '--store', store, '--idle', '0.5')
    expect(JSON.parse(await readFile(sandbox.paths.settings(sandbox.port), 'utf8'))).to.deep.include({
      settings: { store, idle: '0.5' },
    })
    expect(await sandbox.msgvan(['pub', 'x'], { env: { MSGVAN_IDLE: '100' } }).ended).to.include({ code: 0 })
    expect(await settings()).to.include({ store, idle: '100' })
  })

  it('gives way to variables, and these to flags', async () => {
    await run('start', '--heartbeat', '3', '--idle', '300', '--session-ttl', '50')
    await run('stop')
    const env = { MSGVAN_IDLE: '200', MSGVAN_SESSION_TTL: '40' }
    expect(await sandbox.msgvan(['start', '--session-ttl', '30'], { env }).ended).to.include({ code: 0 })
    expect(await settings()).to.include({ heartbeat: '3', idle: '200', sessionTtl: '30' })
    await run('restart')
    expect(await settings()).to.include({ heartbeat: '3', idle: '200', sessionTtl: '30' })
  })

  it('has no defaults in it: a host that a client started ends when it is idle, and the next one that a user starts does not', async () => {
    await run('pub', 'x')
    expect(await settings()).to.include({ idle: '600' })
    await run('restart')
    expect(await settings(), 'as it was started').to.include({ idle: '600' })
    await run('stop')
    await run('start')
    expect(await settings()).to.include({ idle: '0' })
    await killHost()
    await run('pub', 'x')
    expect(await settings()).to.include({ idle: '600' })
  })

  it('has its token in a file of its own, for this user alone', async () => {
    const token = 'known to the host before alone'
    const env = { MSGVAN_TOKEN: token }
    expect(await sandbox.msgvan(['start', '--store', store], { env }).ended).to.include({ code: 0 })
    const written = await readFile(sandbox.paths.settings(sandbox.port), 'utf8')
    expect(written).to.contain(store).and.not.to.contain(token)
    const file = sandbox.paths.hostToken(sandbox.port)
    expect(await readFile(file, 'utf8')).to.equal(`${token}\n`)
    for (const path of [file, sandbox.paths.settings(sandbox.port)])
      expect((await stat(path)).mode & 0o777, path).to.equal(0o600)
    await run('stop')
    await run('start')
    expect(await settings()).to.include({ token })
    await run('stop')
    await rm(file)
    const { code, stderr } = await sandbox.msgvan(['start']).ended
    expect(code).to.equal(1)
    expect(stderr).to.contain(file).and.to.contain('MSGVAN_TOKEN')
    expect(await sandbox.msgvan(['start', '--token', 'another one of these']).ended).to.include({ code: 0 })
    expect(await settings()).to.include({ token: 'another one of these', store })
    await run('restart', '--fresh')
    expect(await access(file).catch(() => 'gone')).to.equal('gone')
  })

  it('excludes a contrary option of van(), which fails with the reason', async () => {
    await run('start', '--leader', '--token', 'a secret of 20 letters', '--store', store)
    await run('stop')
    for (const [options, says] of [
      [`{ addr: '10.0.0.5' }`, /as a leader.*joins http:\/\/10\.0\.0\.5:1900.*--join/],
      [`{ token: 'something else' }`, /another token/],
    ] as const) {
      const refused = await sandbox.script(`
        const bus = msgvan.van(${options})
        await bus.ready().catch(error => console.log(error.code, error.message))
        await bus.close({ drain: false })`).ended
      expect(refused.stdout)
        .to.match(/^MSGVAN_INVALID_OPTION/)
        .and.to.match(says)
    }
    // One that fits does not.
    const fits = await sandbox.script(`
      const bus = msgvan.van({ leader: true, token: 'a secret of 20 letters' })
      await bus.ready()
      console.log((await bus.status()).host.leader)
      await bus.close()`).ended
    expect(fits.stdout).to.equal('true\n')
    expect(await settings()).to.include({ store })
  })

  it('gives an error with advice where it cannot hold, while publishes wait: a missing store is not an empty one', async () => {
    await run('start', '--store', store)
    const publisher = await client()
    publisher.write('one\n')
    await publisher.shows(/kept one/)
    await killHost()
    await rename(store, `${store}.away`)
    publisher.write('two\n')
    await publisher.shows(/error MSGVAN_HOST_UNREACHABLE .*that folder is missing\. Put it back/)
    const started = await sandbox.msgvan(['start']).ended
    expect(started.code).to.equal(1)
    expect(started.stderr).to.contain(`--store ${store}`)
    expect(publisher.stdout).not.to.contain('kept two')
    // One that never met the host before, too.
    const newcomer = sandbox.script(`
      const bus = msgvan.van()
      bus.publish('job', 'three').then(() => console.log('kept three'), error => console.log('refused', error.code))
      await bus.ready().catch(error => console.log('ready', error.code, error.message))
      console.log((await bus.status().catch(error => error)).code)`)
    await newcomer.shows(/ready MSGVAN_HOST_UNREACHABLE .*that folder is missing\. Put it back/)
    expect(newcomer.stdout).not.to.match(/^(kept|refused) /m)
    await rename(`${store}.away`, store)
    await publisher.shows(/kept two/)
    await newcomer.shows(/kept three/)
    expect(await settings()).to.include({ store })
  })

  for (const [how, harm, ...again] of [
    ['is gone', () => rm(join(store, 'data.mdb'))],
    ['is gone with all else in its folder', () => rm(store, { recursive: true }).then(() => mkdir(store))],
    // As a service manager does, on a disk that is not mounted.
    ['is gone with its folder, which a flag names', () => rm(store, { recursive: true }), '--store'],
    ['is empty', () => truncate(join(store, 'data.mdb'), 0)],
    ['has lost its head', () => writeFile(join(store, 'data.mdb'), Buffer.alloc(8_192), { flag: 'r+' })],
  ] as const)
    it(`says whose messages are missing where the data file of a killed host's store ${how}`, async () => {
      await run('start', '--store', store)
      const subscriber = sandbox.script(`
        const bus = msgvan.van({ autoStart: false })
        bus.errors$.subscribe(error => console.log('error', error.code, JSON.stringify(error.names), error.message))
        bus.topic('job', { name: 'work', ack: 'manual', prefetch: 1 }).subscribe(({ payload }) => console.log('got', payload))
        await bus.ready()
        await Promise.all(Array.from({ length: 20 }, (_, i) => bus.publish('job', i)))
        console.log('published')
        process.stdin.on('data', () => bus.publish('job', 'after').then(() => console.log('kept')))`)
      await subscriber.shows(/published/)
      await killHost()
      await harm()
      const { stderr } = await run('start', ...again.flatMap(flag => [flag, store]))
      expect(stderr).to.match(/warning: .*all that the store held .*all that waited for work/)
      await subscriber.shows(/error MSGVAN_GAP \["work"\]/)
      await subscriber.shows(/error MSGVAN_STORE_DAMAGED .*all that waited for work/)
      subscriber.write('go\n')
      await subscriber.shows(/kept/)
      await subscriber.shows(/got after/)
      const { missing } = await askHost(sandbox, broker => broker.control.status())
      expect(missing).to.have.lengthOf(2)
      expect(missing?.[1]).to.deep.equal({ subscription: 'work', text: 'all that waited for work' })
      // The next one finds a store that is whole.
      await killHost()
      expect((await run('start')).stderr).not.to.contain('warning')
    })

  it('is refused where a newer msgvan knows more of it, and where it is damaged', async () => {
    await run('start', '--store', store)
    await run('stop')
    const path = sandbox.paths.settings(sandbox.port)
    const written = JSON.parse(await readFile(path, 'utf8')) as { settings: object }
    const newer = { ...written, version: '9.8.7', settings: { ...written.settings, nats: 'x' } }
    for (const [text, says] of [
      [JSON.stringify(newer), /msgvan 9\.8\.7 with the settings nats.*--fresh/],
      [JSON.stringify({ ...newer, format: 2 }), /msgvan 9\.8\.7 with settings of another form.*--fresh/],
      ['{"format":1,', /cannot be read.*--fresh/],
      [JSON.stringify({ ...written, settings: { store: 7 } }), /cannot be read.*store.*--fresh/],
    ] as const) {
      await writeFile(path, text)
      const { code, stderr } = await sandbox.msgvan(['pub', 'x']).ended
      expect(code, stderr).not.to.equal(0)
      expect(stderr).to.match(says)
      expect((await sandbox.msgvan(['start']).ended).stderr).to.match(says)
    }
    await run('start', '--fresh')
  })

  it('survives a restart from one protocol to another and back, with the messages in its store', async () => {
    const other = await otherVersion(sandbox.home, { protocol: 99, version: '9.8.7' })
    const theirs = async (...args: string[]) => {
      const ended = await sandbox.node([other.main, ...args]).ended
      expect(ended.code, `${args.join(' ')}: ${ended.stderr}`).to.equal(0)
      return ended
    }
    await run('start', '--store', store, '--session-ttl', '7', '--token', 'a secret of 20 letters')
    await makeName()
    await run('pub', 'job', 'one')
    const before = await settings()
    const mismatch = await sandbox.node([other.main, 'status']).ended
    expect(mismatch.stderr).to.match(/Run `msgvan restart` with msgvan 9\.8\.7/)
    await theirs('restart')
    await theirs('pub', 'job', 'two')
    const older = await sandbox.msgvan(['status']).ended
    expect(older.stderr)
      .to.match(/VERSION_MISMATCH/)
      .and.to.match(/Use msgvan 9\.8\.7 here too/)
    await run('restart')
    expect(await settings()).to.deep.equal(before)
    const got = await run('sub', 'job', '--name', 'work', '--count', '2')
    expect(got.stdout).to.equal('job one\njob two\n')
  })

  it('must be given at a restart of an older host that cannot report it', async function () {
    onlyOnLinux(this)
    const other = await otherVersion(sandbox.home, { protocol: 99, version: '9.8.7' })
    expect(await sandbox.node([other.main, 'start', '--store', store]).ended).to.include({ code: 0 })
    const written = await readFile(sandbox.paths.settings(sandbox.port), 'utf8')
    const pid = Number(/"pid": (\d+)/.exec(written)?.[1])
    sandbox.owns(pid)
    // As an older one leaves it: nothing, or what is of another host.
    for (const text of [undefined, written.replace(String(pid), String(process.pid))]) {
      await rm(sandbox.paths.settings(sandbox.port), { force: true })
      if (text !== undefined) await writeFile(sandbox.paths.settings(sandbox.port), text)
      const { code, stderr } = await sandbox.msgvan(['restart']).ended
      expect(code).to.equal(1)
      expect(stderr).to.match(/cannot report its options.*still runs.*--store DIR.*--fresh/)
      expect(stderr.trimEnd().split('\n')).to.have.length(1)
      expect(() => process.kill(pid, 0)).not.to.throw()
    }
    await run('restart', '--store', store)
    expect(await settings()).to.include({ store })
  })

  it('start reports the options in which a running host differs', async () => {
    const first = await run('start', '--heartbeat', '3', '--root', sandbox.home)
    expect(first.stderr).to.match(/is up\n$/)
    const same = await run('start', '--heartbeat', '3')
    expect(same.stderr).to.match(/was running already\n$/)
    const other = await run(
      'start',
      '--heartbeat',
      '4',
      '--store',
      store,
      '--root',
      '/elsewhere',
      '--session-ttl',
      '60',
    )
    expect(other.stderr).to.match(
      /was running already\n.*with other options \(--heartbeat, --store, --root\).*restart/,
    )
  })

  it('is how a client starts the next one in the middle of a restart, too', async function () {
    onlyOnLinux(this)
    const { env, letGo } = await lingering(sandbox.home)
    const first = sandbox.msgvan(['host', '--store', store, '--heartbeat', '3'], { env })
    await first.shows(/listening/)
    const restart = sandbox.msgvan(['restart', '--heartbeat', '4', '--json'])
    await eventually(async () => expect(await somebodyListens(sandbox.port)).to.equal(false), 20_000)
    await run('pub', 'x')
    const second = await sandbox.hostPid()
    await letGo()
    const { code, stdout, stderr } = await restart.ended
    expect(code, stderr).to.equal(0)
    expect(JSON.parse(stdout)).to.have.nested.property('host.pid', second)
    expect(await settings()).to.include({ store, heartbeat: '4' })
  })

  it('is as it was when a restart has not come about', async () => {
    await run('start', '--heartbeat', '3', '--token', 'a secret of 20 letters')
    const { paths, port } = sandbox
    const before = await readFile(paths.settings(port), 'utf8')
    const withdraw = await announceSettings(paths, port, {
      flags: { heartbeat: '4', token: 'another' },
      auto: false,
    })
    expect((await readSettings(paths, port))?.flags).to.include({ heartbeat: '4' })
    expect(await readHostToken(paths, port)).to.equal('another')
    await withdraw()
    expect(await readFile(paths.settings(port), 'utf8')).to.equal(before)
    expect(await readHostToken(paths, port)).to.equal('a secret of 20 letters')
  })
})
