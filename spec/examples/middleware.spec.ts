import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/middleware', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('adds the tenant, encrypts and decrypts, and refuses what is not valid', async () => {
    const { code, stdout, stderr } = await sandbox.node([checkout('examples/middleware/middleware.js')]).ended
    expect(code).to.equal(0)
    expect(stderr).to.match(
      /MSGVAN_MIDDLEWARE A middleware refused a publish: TypeError: This is not an order/,
    )
    expect(stdout).to.equal('{ id: 7, total: 9.5 } { tenant: \'acme\' }\nThis is not an order: {"id":8}\n')
  })
})
