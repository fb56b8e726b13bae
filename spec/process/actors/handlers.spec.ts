import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { SubscriptionStatus, VanStatus } from '../../../src/bus/contract/status.js'
import { freePort } from '../../support/ports.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const index = new URL('../../../src/index.js', import.meta.url).href
const fixture = (name: string) => fileURLToPath(new URL(`../../../../spec/fixtures/${name}`, import.meta.url))
const handlers = fixture('handlers.js')

describe('handlers in the host', () => {
  let sandbox: Sandbox
  let log: Started

  beforeEach(async () => {
    sandbox = await Sandbox.make()
    const host = sandbox.msgvan(['host'])
    await host.shows(/listening/i)
    log = sandbox.msgvan(['logs', '--follow'])
  })

  afterEach(() => sandbox.clean())

  const app = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await sandbox.node([fixture('client.js'), ...args], {
      env: { MSGVAN_SPEC_INDEX: index },
    }).ended
    expect(stderr).to.equal('')
    return stdout.trim()
  }
  const subscriptionNamed = async (name: string): Promise<SubscriptionStatus | undefined> => {
    const status = JSON.parse(await app('status')) as VanStatus
    return status.subscriptions.find(subscription => subscription.name === name)
  }

  it('outlive the process that registered them, and what they print is in the log as it comes', async () => {
    expect(await app('register', 'printer', handlers, 'print', '^example')).to.equal('registered')
    await app('publish', 'example.topic', 'one')
    await log.shows(/printer out Handler got "one"/)
    const status = await subscriptionNamed('printer')
    expect(status?.handler).to.include({ export: 'print', state: 'running', restarts: 0 })
    expect(status?.pattern).to.equal('/^example/')
  })

  it('are replaced by the same name: one message is printed once', async () => {
    await app('register', 'printer', handlers, 'print', '^example')
    await app('register', 'printer', handlers, 'print', '^example')
    await app('register', 'printer', handlers, 'printLoud', '^example')
    await app('publish', 'example.topic', 'two', 'end')
    await log.shows(/LOUD "end"/)
    expect(log.stdout).not.to.contain('Handler got')
    expect(log.stdout.match(/"two"/g)).to.have.length(1)
  })

  it('are refused what was kept where nothing is', async () => {
    const { code, stdout } = await sandbox.script(`
      const bus = msgvan.van()
      const module = ${JSON.stringify(handlers)}
      const refused = await bus.subscribeHandler('late', { module, export: 'print' }, 't', { from: 'start' }).catch(error => error)
      console.log(refused.code, (await bus.status()).subscriptions.length)
      await bus.close()`).ended
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: 'MSGVAN_UNSUPPORTED 0\n' })
  })

  it('are replaced under another pattern, which then rules', async () => {
    await app('register', 'printer', handlers, 'print', '^a')
    await app('register', 'printer', handlers, 'print', '^b')
    await app('publish', 'a', 'no')
    await app('publish', 'b', 'yes')
    await log.shows(/Handler got "yes"/)
    expect(log.stdout).not.to.contain('"no"')
  })

  it('start again when they crash, and the message that was in hand has failed once', async () => {
    await app('register', 'crasher', handlers, 'crashOnce', '^c')
    await app('publish', 'c', 'crash', 'after')
    await log.shows(/survived crash attempt 2/)
    await log.shows(/survived after attempt 1 thread true/)
    const status = await subscriptionNamed('crasher')
    expect(status?.handler).to.include({ state: 'running', restarts: 1 })
    expect(status).to.include({ failed: 1, acked: 2, deadLettered: 0 })
  })

  it('fail a message by throwing, and get it again', async () => {
    await app('register', 'trier', handlers, 'failTwice', '^t')
    await app('publish', 't', 'x')
    await log.shows(/trier err done at attempt 3/)
  })

  it('go with unsubscribe, from any process', async () => {
    await app('register', 'printer', handlers, 'print', '^example')
    await app('register', 'control', handlers, 'printLoud', '^example')
    expect(await app('unsubscribe', 'printer')).to.equal('true')
    expect(await app('unsubscribe', 'printer')).to.equal('false')
    await app('publish', 'example', 'gone')
    await log.shows(/LOUD "gone"/)
    expect(log.stdout).not.to.contain('Handler got')
    expect(await subscriptionNamed('printer')).to.equal(undefined)
  })

  it('are refused at registration when the module or the export is missing, by name, and take nothing down', async () => {
    await app('register', 'printer', handlers, 'print', '^example')
    expect(await app('register', 'printer', handlers, 'missing', '^example')).to.match(
      /^MSGVAN_HANDLER_MODULE .*missing.*print/,
    )
    expect(await app('register', 'printer', handlers, 'notAFunction', '^example')).to.match(
      /^MSGVAN_HANDLER_MODULE .*notAFunction/,
    )
    expect(await app('register', 'printer', fixture('nowhere.js'), 'print', '^example')).to.match(
      /^MSGVAN_HANDLER_MODULE .*nowhere\.js/,
    )
    expect(await app('register', 'printer', fixture('broken.js'), 'print', '^example')).to.match(
      /^MSGVAN_HANDLER_MODULE .*does not load/,
    )
    await app('publish', 'example', 'still there')
    await log.shows(/Handler got "still there"/)
  })

  it('are refused for a pattern or options, and the one that runs goes on', async () => {
    await app('register', 'printer', handlers, 'print', '^example')
    expect(await app('register', 'printer', handlers, 'printLoud', '(?=example)')).to.match(
      /^MSGVAN_INVALID_PATTERN /,
    )
    expect((await subscriptionNamed('printer'))?.handler).to.include({ state: 'running', export: 'print' })
    const { stdout } = await sandbox.script(`
      const bus = msgvan.van()
      const module = ${JSON.stringify(handlers)}
      const refused = await bus.subscribeHandler('printer', { module, export: 'printLoud' }, /^example/, { from: 'start' }).catch(error => error)
      console.log(refused.code)
      await bus.close()`).ended
    expect(stdout).to.equal('MSGVAN_UNSUPPORTED\n')
    await app('publish', 'example', 'still there')
    await log.shows(/Handler got "still there"/)
  })

  it('may be registered by the very module that exports them, which the host loads again', async () => {
    expect(await sandbox.node([fixture('registers-itself.js')]).ended).to.include({
      code: 0,
      stdout: 'registered\n',
      stderr: '',
    })
    await app('publish', 'self', 'me')
    await log.shows(/self out Handler got "me"/)
    expect((await subscriptionNamed('self'))?.handler).to.include({ state: 'running', restarts: 0 })
    expect(log.stdout.match(/self out registered/g), 'loads').to.have.length(1)
  })

  it('find their own host with a bus of their own, which keeps nothing from ending', async () => {
    // The environment names another port than the host has.
    const port = await freePort()
    const host = sandbox.msgvan(['host', '--port', String(port)], { env: { MSGVAN_PORT: '1' } })
    await host.shows(/listening/i)
    const env = { MSGVAN_PORT: String(port), MSGVAN_SPEC_INDEX: index }
    const there = (...args: string[]) => sandbox.node([fixture('client.js'), ...args], { env }).ended

    const registering = performance.now()
    await there('register', 'answerer', fixture('answers.js'), 'answer', '^questions$')
    const usual = performance.now() - registering
    const answers = sandbox.msgvan(['sub', '^answers$', '--count', '1', '--verbose'], { env })
    await answers.shows(/listening/)
    await there('publish', 'questions', '21')
    expect((await answers.ended).stdout).to.equal('answers 42\n')

    const began = performance.now()
    expect((await there('unsubscribe', 'answerer')).stdout).to.equal('true\n')
    // Not what a drain in vain takes: ten seconds, on a machine as slow as this one is.
    expect(performance.now() - began).to.be.lessThan(8_000 + 3 * usual)
    expect(await host.kill('SIGTERM')).to.include({ code: 0 })
  })

  it('do not keep a host from ending while their module loads', async () => {
    const registering = performance.now()
    const registration = sandbox.node(
      [fixture('client.js'), 'register', 'late', fixture('never-loads.js'), 'x', '^x'],
      {
        env: { MSGVAN_SPEC_INDEX: index },
      },
    )
    await log.shows(/late out loading/)
    const began = performance.now()
    const usual = began - registering
    expect(await sandbox.msgvan(['stop']).ended).to.include({ code: 0 })
    expect(performance.now() - began).to.be.lessThan(8_000 + 3 * usual)
    await registration.kill('SIGKILL')
  })
})
