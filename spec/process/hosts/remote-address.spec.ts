import { networkInterfaces } from 'node:os'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { connect as connectTcp } from 'node:net'
import { connect } from '../../../src/client/index.js'
import { AuthError } from '../../../src/errors.js'
import { rejection } from '../../support/rejection.js'
import { Sandbox } from '../../support/sandbox.js'
import { onlyOnLinux, skipUnless } from '../../support/requirement.js'

const token = 'a token that is long enough'

/** An address by which other machines reach this one. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find(address => address?.family === 'IPv4' && !address.internal)?.address

describe('a host beyond loopback', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  for (const args of [
    ['host', '--listen', '0.0.0.0'],
    ['host', '--listen', '::'],
    ['host', '--listen', '192.0.2.1'],
  ]) {
    it(`refuses to start without a token, and says what to do: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await sandbox.msgvan(args).ended
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr).to.contain('MSGVAN_AUTH').and.contain('only with a token').and.contain('MSGVAN_TOKEN')
      expect(stderr.trimEnd().split('\n')).to.have.length(1)
    })
  }

  it('refuses to start with a token that can be guessed, also from the token file; on loopback it does', async () => {
    const short = 'fifteen letters'
    const listen = ['host', '--listen', '0.0.0.0']
    const byVariable = await sandbox.msgvan(listen, { env: { MSGVAN_TOKEN: short } }).ended
    await writeFile(sandbox.paths.token, short, { mode: 0o600 })
    for (const { code, stderr } of [byVariable, await sandbox.msgvan(listen).ended]) {
      expect(code).to.equal(1)
      expect(stderr).to.contain('MSGVAN_AUTH').and.contain('at least 16 characters').and.not.contain(short)
    }
    await sandbox.msgvan(['host']).shows(/listening/)
  })

  it('does not show its token to all users: neither by --token, nor by --token-file, also in the background', async function () {
    onlyOnLinux(this)
    const shown = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8')
    const file = join(sandbox.home, 'of-mine')
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    for (const given of [['--token', token], [`--token=${token}`], ['--token-file', file]]) {
      const host = sandbox.msgvan(['host', '--fresh', ...given])
      await host.shows(/listening/)
      expect(await shown(host.pid))
        .to.contain('main.js')
        .and.contain('host')
        .and.not.contain(token)
      expect((await sandbox.msgvan(['status', ...given]).ended).code).to.equal(0)
      await host.kill('SIGTERM')
      expect((await sandbox.msgvan(['start', '--fresh', ...given]).ended).code).to.equal(0)
      expect(await shown(await sandbox.hostPid()))
        .to.contain('main.js')
        .and.not.contain(token)
      await sandbox.msgvan(['stop']).ended
    }
    await chmod(file, 0o644)
    expect((await sandbox.msgvan(['status', '--token-file', file]).ended).stderr).to.contain(
      'Others can read',
    )
    const both = await sandbox.msgvan(['status', '--token-file', file, '--token', token]).ended
    expect(both.code, both.stderr).to.equal(2)
    expect((await sandbox.msgvan(['status', '--token-file', `${file}x`]).ended).code).to.equal(2)
  })

  it('does not start in the background either, and says why', async () => {
    const { code, stderr } = await sandbox.msgvan(['start', '--listen', '0.0.0.0']).ended
    expect(code).to.equal(1)
    expect(stderr).to.contain('only with a token')
  })

  it('is open only to clients with the token', async function () {
    if (outside === undefined) return skipUnless(this, false, 'this machine has no address but loopback')
    const host = sandbox.msgvan(['host', '--listen', outside], { env: { MSGVAN_TOKEN: token } })
    await host.shows(/listening on 127\.0\.0\.1:\d+ and (?!127)[\d.]+:\d+/)
    const url = `http://${outside}:${sandbox.port}`

    const right = connect(url, { token })
    const wrong = connect(url, { token: 'something else, as long' })
    const none = connect(url)
    try {
      for (const bus of [wrong, none]) {
        const error = await rejection(bus.ready())
        expect(error).to.be.instanceOf(AuthError)
        expect(error.message).to.match(/token/)
      }
      const heard = new Promise(resolve => right.topic('t').subscribe(({ payload }) => resolve(payload)))
      await right.ready()
      // This user's own processes come in by loopback and by secret, as ever.
      expect(await sandbox.msgvan(['pub', 't', 'from inside', '--no-start']).ended).to.include({ code: 0 })
      expect(await heard).to.equal('from inside')
    } finally {
      await Promise.all([right, wrong, none].map(bus => bus.close({ drain: false })))
    }
    expect((await host.kill('SIGTERM')).code).to.equal(0)
  })

  it('takes its token from the token file, unless others can read that', async () => {
    await writeFile(sandbox.paths.token, `${token}\n`, { mode: 0o600 })
    const host = sandbox.msgvan(['host', '--listen', '0.0.0.0'])
    await host.shows(/listening on 0\.0\.0\.0:/)
    const { code, stderr } = await sandbox.msgvan(['status', '--token', token]).ended
    expect(code, stderr).to.equal(0)
    await host.kill('SIGTERM')
    await chmod(sandbox.paths.token, 0o644)
    expect((await sandbox.msgvan(['host', '--listen', '0.0.0.0']).ended).stderr).to.contain('Others can read')
  })

  it('is not ended by a token: only the user that it runs for may', async () => {
    const host = sandbox.msgvan(['host'], { env: { MSGVAN_TOKEN: token } })
    await host.shows(/listening/)
    const stranger = await Sandbox.make()
    try {
      const port = String(sandbox.port)
      const { code, stderr } = await stranger.msgvan(['stop', '--token', token, '--port', port]).ended
      expect({ code }).to.deep.equal({ code: 1 })
      expect(stderr).to.contain('MSGVAN_AUTH')
    } finally {
      await stranger.clean()
    }
    expect(await sandbox.hostPid()).to.equal(host.pid)
  })

  it('is asked by its own user with the secret, whatever token the environment holds for hosts', async () => {
    const env = { MSGVAN_TOKEN: 'of another host, and long enough' }
    await sandbox.msgvan(['host']).shows(/listening/)
    const { code, stderr } = await sandbox.msgvan(['status'], { env }).ended
    expect(code, stderr).to.equal(0)
    const restarted = await sandbox.msgvan(['restart', '--listen', '0.0.0.0', '--token', token]).ended
    expect(restarted.stderr, restarted.stderr).to.match(/host \S+ on port \d+ \(pid \d+\) is up\n$/)
    await sandbox.hostPid()
    expect((await sandbox.msgvan(['status', '--token', token]).ended).code).to.equal(0)
    expect((await sandbox.msgvan(['stop'], { env }).ended).code).to.equal(0)
  })

  it('is not reached from outside by default', async function () {
    if (outside === undefined) return skipUnless(this, false, 'this machine has no address but loopback')
    const host = sandbox.msgvan(['host'])
    await host.shows(/listening/)
    const code = await new Promise(resolve => {
      const socket = connectTcp(sandbox.port, outside)
      socket.on('connect', () => {
        socket.destroy()
        resolve('connected')
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    expect(code).to.equal('ECONNREFUSED')
  })
})
