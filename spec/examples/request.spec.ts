import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/request', () => {
  const prices = checkout('examples/request/prices.js')
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('asks a responder of another process, whose error crosses', async () => {
    const responder = sandbox.node([prices, 'reply'])
    await responder.shows(/^answering$/m)
    const ask = (...args: string[]) => sandbox.node([prices, 'request', ...args]).ended
    expect(await ask()).to.include({ code: 0, stdout: 'pens: 2.5\n', stderr: '' })
    expect(await ask('ink')).to.include({ code: 1, stdout: 'no price: there are no ink\n', stderr: '' })
    expect(responder.lines).to.deep.equal(['answering', 'asked for pens', 'asked for ink'])
    await responder.kill('SIGKILL')
    const none = await ask()
    expect(none).to.include({ code: 1, stderr: '' })
    expect(none.stdout).to.match(/^no price: No bus in this van answers requests on "prices.of"/)
  })

  it('says how to use it', async () => {
    const { code, stdout, stderr } = await sandbox.node([prices]).ended
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    expect(stderr).to.equal('Usage: node prices.js reply | request [ITEM]\n')
  })
})
