import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'

describe('the last lines of a process', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const trouble = (options: string): string => `
    const bus = msgvan.van({ embedded: true${options} })
    bus.topic('t', { attempts: 1 }).subscribe(() => { throw new Error('broken\\nin two lines') })
    await bus.publish('t')\n`

  for (const [end, code] of [
    ['process.exit(0)', 0],
    ["throw new Error('the end')", 1],
    ["process.kill(process.pid, 'SIGTERM'); await new Promise(resolve => setTimeout(resolve, 60_000))", null],
  ] as const) {
    it(`are there when it ends by ${end.split(';')[0]}, as one line with the topic and without a stack`, async () => {
      const ended = await sandbox.script(`${trouble('')}${end}`).ended
      expect(ended.code).to.equal(code)
      const own = ended.stderr.split('\n').filter(line => line.includes('msgvan['))
      const said = own.filter(line => line.includes('MSGVAN_SUBSCRIBER'))
      expect(said, ended.stderr).to.have.length(1)
      expect(said[0]).to.match(
        /warning: van default: MSGVAN_SUBSCRIBER A subscriber of "t" threw: .*broken.*in two lines/,
      )
      if (code !== 1) expect(ended.stderr).to.not.match(/^ +at /m)
    })
  }

  it('go to the console, if that is the logger, at once', async () => {
    const { stderr, code } = await sandbox.script(`${trouble(', logger: console')}process.exit(0)`).ended
    expect(code).to.equal(0)
    expect(stderr).to.match(/^van default: MSGVAN_SUBSCRIBER A subscriber of "t" threw: Error: broken/)
    expect(stderr).to.not.match(/^ +at /m)
  })
})
