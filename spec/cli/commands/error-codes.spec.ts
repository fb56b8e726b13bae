import { expect } from 'chai'
import { Sandbox } from '../../support/sandbox.js'

describe('an error of a command', () => {
  let sandbox: Sandbox
  before(async () => {
    sandbox = await Sandbox.make()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
  })
  after(() => sandbox.clean())

  const errors: readonly [args: string[], exit: number, code: string][] = [
    [[], 2, 'INVALID_OPTION'],
    [['nonsense'], 2, 'INVALID_OPTION'],
    [['pub'], 2, 'INVALID_OPTION'],
    [['sub', '.', '--nonsense'], 2, 'INVALID_OPTION'],
    [['sub', '.', '--count', 'many'], 2, 'INVALID_OPTION'],
    [['status', '--port', '99999'], 2, 'INVALID_OPTION'],
    [['pub', '$system'], 2, 'INVALID_TOPIC'],
    [['sub', '('], 2, 'INVALID_PATTERN'],
    [['unsubscribe', 'nobody'], 1, 'NOT_FOUND'],
    [['pause', 'nobody'], 1, 'NOT_FOUND'],
    [['resume', 'nobody'], 1, 'NOT_FOUND'],
    [['actors', 'stop', 'nobody'], 1, 'NOT_FOUND'],
    [['dead', 'show', 'none'], 1, 'NOT_FOUND'],
    [['dead', 'replay', 'none'], 1, 'NOT_FOUND'],
    [['dead', 'purge', 'none'], 1, 'NOT_FOUND'],
  ]
  for (const [args, exit, code] of errors)
    it(`${['msgvan', ...args].join(' ')}: ends with its code`, async () => {
      const { code: status, stderr } = await sandbox.msgvan(args).ended
      expect(stderr).to.match(new RegExp(`^msgvan: [^\\n]* \\(MSGVAN_${code}\\)\\n$`))
      expect(status).to.equal(exit)
    })
})
