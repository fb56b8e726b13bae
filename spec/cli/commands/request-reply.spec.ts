import { expect } from 'chai'
import type { Started } from '../../support/processes.js'
import { Sandbox } from '../../support/sandbox.js'

describe('msgvan request and reply', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const reply = async (...args: string[]): Promise<Started> => {
    const started = sandbox.msgvan(['reply', '--verbose', ...args])
    await started.shows(/answering/)
    return started
  }
  const request = (...args: string[]) => sandbox.msgvan(['request', ...args]).ended

  it('a command answers: text, JSON, its topic; its failure is an error with its last line', async () => {
    await reply('^shout', '--command', 'tr a-z A-Z')
    await reply('sums', '--exact', '--json', '--command', 'cat')
    await reply('^topic', '--command', 'printf %s "$MSGVAN_TOPIC"')
    await reply('^fails', '--command', 'echo one >&2; echo "not today" >&2; exit 3')
    expect(await request('shout', 'hello there')).to.include({ code: 0, stdout: 'HELLO THERE\n', stderr: '' })
    expect(await request('sums', '{"a":[1,2]}', '--json')).to.include({ code: 0, stdout: '{"a":[1,2]}\n' })
    expect(await request('topic.a')).to.include({ code: 0, stdout: 'topic.a\n' })
    const failed = await request('fails')
    expect(failed).to.include({ code: 1, stdout: '' })
    expect(failed.stderr).to.match(/^msgvan: not today \(MSGVAN_COMMAND\)\n$/)
  })

  it('request exits 1 without a responder, 3 when no answer comes; the command is killed then', async () => {
    const none = await request('nobody')
    expect(none).to.include({ code: 1, stdout: '' })
    expect(none.stderr).to.contain('MSGVAN_NO_RESPONDER')
    const replying = await reply('slow', '--command', 'echo begun >&2; trap "" TERM; sleep 60; echo never')
    const late = await request('slow', '--timeout', '0.5')
    expect(late).to.include({ code: 3, stdout: '' })
    expect(late.stderr).to.contain('MSGVAN_TIMEOUT')
    expect(await replying.kill('SIGTERM')).to.include({ code: 143 })
  })

  it('wrong usage exits 2', async () => {
    for (const args of [
      ['request'],
      ['request', '$dead/x'],
      ['request', 't', 'x', '--json'],
      ['reply', '^t'],
    ])
      expect((await sandbox.msgvan(args).ended).code, args.join(' ')).to.equal(2)
    expect((await sandbox.msgvan(['reply', '(', '--command', 'cat']).ended).code).to.equal(2)
  })
})
