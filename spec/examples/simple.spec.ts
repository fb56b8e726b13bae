import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/simple', () => {
  const simple = checkout('examples/simple/simple.js')
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const consumer = () => sandbox.node([simple, 'consumer']).ended
  const producer = (input: string) => {
    const process = sandbox.node([simple, 'producer'])
    process.end(input)
    return process.ended
  }

  it('prints in the host what a producer reads from its standard input', async () => {
    expect(await consumer()).to.include({ code: 0, stdout: '', stderr: '' })
    expect(await producer('one\ntwo\n')).to.include({ code: 0, stdout: '', stderr: '' })

    const logs = sandbox.msgvan(['logs', '--follow'])
    await logs.shows(/^\S+ simple out Handler got {"line":"two"}$/m)
    expect(logs.stdout.match(/Handler got .*/g)).to.deep.equal([
      'Handler got {"line":"one"}',
      'Handler got {"line":"two"}',
    ])
  })

  it('prints each line once when the consumer ran twice', async () => {
    await consumer()
    await consumer()
    await producer('one\n')
    await producer('last\n')

    const logs = sandbox.msgvan(['logs', 'simple', '--follow'])
    await logs.shows(/{"line":"last"}$/m)
    expect(logs.stdout.match(/Handler got .*/g)).to.deep.equal([
      'Handler got {"line":"one"}',
      'Handler got {"line":"last"}',
    ])
  })

  it('says how to use it', async () => {
    expect(await sandbox.node([simple]).ended).to.include({
      code: 2,
      stdout: '',
      stderr: 'Usage: node simple.js consumer | producer\n',
    })
  })
})
