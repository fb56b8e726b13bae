import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/observable', () => {
  const ticker = checkout('examples/observable/ticker.js')
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const expected = { code: 0, stdout: 'tick 0\ntick 1\ntick 2\n', stderr: '' }

  it('observes an Observable of another process, and unsubscribes there', async () => {
    const exposer = sandbox.node([ticker, 'expose'])
    await exposer.shows(/^exposed$/m)
    expect(await sandbox.node([ticker, 'observe']).ended).to.include(expected)
    await exposer.shows(/^not observed any more$/m)
    expect(exposer.lines).to.deep.equal(['exposed', 'observed, every 20 ms', 'not observed any more'])
  })

  it('waits for who exposes it, and goes on with another one when that one dies', async () => {
    const observer = sandbox.node([ticker, 'observe', '500'])
    const first = sandbox.node([ticker, 'expose'])
    await observer.shows(/^tick 5$/m)
    await first.kill('SIGKILL')
    const second = sandbox.node([ticker, 'expose'])
    await second.shows(/^observed/m)
    await observer.shows(/^tick 5\n(.*\n)*tick 0\n(.*\n)*tick 5$/m)
  })

  it('says how to use it', async () => {
    const { code, stdout, stderr } = await sandbox.node([ticker]).ended
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    expect(stderr).to.equal('Usage: node ticker.js expose | observe [COUNT]\n')
  })
})
