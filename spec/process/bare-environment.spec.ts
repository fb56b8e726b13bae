import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { msgvanMain, Sandbox } from '../support/sandbox.js'
import { skipUnless } from '../support/requirement.js'

/** A user of whom the system has no entry, as in a container that is run with an arbitrary uid. */
const UNKNOWN_UID = 54_321

describe('a bare environment', () => {
  let sandbox: Sandbox
  let folder: string
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
  })
  afterEach(async () => {
    await sandbox.clean()
    await rm(folder, { recursive: true })
  })

  it('a user without an entry and without HOME can import msgvan and use an embedded bus; a host needs MSGVAN_HOME', async function () {
    skipUnless(this, process.getuid?.() === 0, 'only root can become another user')
    const module = new URL('../../src/index.js', import.meta.url).href
    const code = `
      process.setgid(${UNKNOWN_UID})
      process.setuid(${UNKNOWN_UID})
      const { userInfo } = await import('node:os')
      try { userInfo(); console.log('known') } catch { console.log('unknown') }
      const { van } = await import(${JSON.stringify(module)})
      await import(${JSON.stringify(module.replace('index.js', 'client/index.js'))})
      const bus = van({ embedded: true })
      bus.topic('t').subscribe(message => console.log(message.payload))
      await bus.publish('t', 'here')
      await bus.close()
      try { van() } catch (error) { console.log(error.code, error.message.includes('MSGVAN_HOME')) }`
    const app = sandbox.processes.start(process.execPath, ['--input-type=module', '-e', code], {
      PATH: process.env['PATH'],
    })
    const { code: exit, stdout, stderr } = await app.ended
    skipUnless(this, !stderr.includes('EACCES'), 'other users cannot read this checkout')
    expect({ exit, stdout, stderr }).to.deep.equal({
      exit: 0,
      stdout: 'unknown\nhere\nMSGVAN_INVALID_OPTION true\n',
      stderr: '',
    })
  })

  it('commands that only look create nothing, whether a host of another user is there or none', async () => {
    await sandbox.msgvan(['start']).ended
    const elsewhere = join(folder, 'state')
    const env = { MSGVAN_HOME: elsewhere }
    for (const args of [
      ['status'],
      ['top', '--count', '1'],
      ['actors'],
      ['dead', 'list'],
      ['unsubscribe', 'nobody'],
      ['stop'],
    ]) {
      const { code, stderr } = await sandbox.msgvan(args, { env }).ended
      expect(code, args.join(' ')).to.equal(1)
      expect(stderr, args.join(' ')).to.match(/MSGVAN_AUTH/)
    }
    expect((await sandbox.msgvan(['logs'], { env }).ended).code).to.equal(0)
    const following = sandbox.msgvan(['logs', '--follow'], { env })
    const app = sandbox.script(
      `const bus = msgvan.van({ autoStart: false })
      bus.errors$.subscribe(error => console.log(error.code))`,
      { env },
    )
    await app.shows(/MSGVAN_AUTH/)
    await following.kill('SIGINT')
    expect(await readdir(folder)).to.deep.equal([])
    // And with its own folder all of them are answered.
    expect((await sandbox.msgvan(['status']).ended).code).to.equal(0)
  })

  it('puts nothing into the current folder, and says what is wrong with a relative MSGVAN_HOME', async () => {
    const run = (code: string, env: NodeJS.ProcessEnv) =>
      sandbox.processes.start('bash', ['-c', `cd ${folder} && ${code}`], { ...sandbox.env, ...env }).ended
    const status = `"${process.execPath}" "${msgvanMain}" pub t x`
    const { code, stderr } = await run(status, { MSGVAN_HOME: 'state' })
    expect(code).to.equal(2)
    expect(stderr).to.match(/^msgvan: MSGVAN_HOME must be an absolute path; .*\n$/)
    expect(await readdir(folder)).to.deep.equal([])
  })

  it('logs --follow shows what comes once a first host has made its folder', async () => {
    const following = sandbox.msgvan(['logs', '--follow'])
    await sandbox.msgvan(['start']).ended
    const app = sandbox.script(`
      const bus = msgvan.van()
      await bus.subscribeHandler('print', { module: ${JSON.stringify(new URL('../../../spec/fixtures/handlers.js', import.meta.url).href)}, export: 'print' }, 't')
      await bus.publish('t', 'x')
      await bus.close()`)
    await app.ended
    await following.shows(/Handler got/)
    await following.kill('SIGINT')
  })
})
