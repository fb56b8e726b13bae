import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { Cli } from '../../../src/cli/cli.js'
import { programOf } from '../../../src/cli/program.js'
import { version } from '../../../src/index.js'
import { Sandbox } from '../../support/sandbox.js'

describe('wrong usage', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const wrong: readonly [string[], RegExp][] = [
    [[], /which command\?/],
    [['nonsense'], /unknown command 'nonsense'/],
    [['statsu'], /Did you mean status\?/],
    [['sub'], /Which topics\? Give a pattern.*--name/],
    [['sub', '--exact', '--name', 'n'], /Which topics\?/],
    [['sub', '', '--exact'], /one exact topic, and this is not a topic/],
    [['sub', '('], /is not a regular expression/],
    [['sub', 't', '--count', '0'], /--count.*whole number, 1 or more/],
    [['sub', 't', '--count', 'many'], /--count/],
    [['sub', 't', '--timeout', 'soon'], /--timeout.*seconds/],
    ...['first', 'last:0', 'last:x', '-1', '1.5', '', '2026-13-01', 'May 1'].map(
      (where): [string[], RegExp] => [['sub', 't', '--from', where], /--from.*start, last, last:N, a time/],
    ),
    [['sub', 't', '--raw', '--json'], /cannot be used with/],
    [['sub', 't', 'u'], /too many arguments/],
    [['pub'], /missing required argument 'topic'/],
    [['pub', ''], /non-empty/],
    [['pub', '$system', 'x'], /begin with \$/],
    [['pub', 't', '{', '--json'], /not JSON/],
    [['pub', 't', '--colour'], /unknown option '--colour'/],
    [['status', '--port', '70000'], /--port: .*65535/],
    [['status', '--van', ''], /--van/],
    [['host', '--listen', 'everywhere'], /--listen: .*IP address/],
    [['host', '--idle', '-1'], /--idle/],
    [['start', '--capabilities', '[]'], /--capabilities: .*JSON object/],
    [['host', '--leader', '--join', 'a'], /leads or joins a leader, not both/],
    [['host', '--join', 'a b'], /--join: .*address of a leader/],
    [['host', '--store', ''], /--store: a folder/],
    [['store', 'check', ''], /folder of a store is not empty/],
    [['host', '--disk', '/tmp'], /unknown option '--disk'/],
    [['help', 'nonsense'], /unknown command 'nonsense'/],
    [['unsubscribe'], /missing required argument 'name'/],
    [['sub', '.', '--rate', '100'], /--rate.*such as 100\/1s/],
    [['sub', '.', '--rate', '0/1s'], /--rate.*1 to 100,000/],
    [['sub', '.', '--concurrency', '0'], /--concurrency/],
    [['pause'], /missing required argument 'name'/],
    [['resume'], /missing required argument 'name'/],
    [['top', '--interval', '0'], /--interval.*0\.1 seconds to a day/],
    [['top', '--count', '0'], /--count.*whole number, 1 or more/],
    [['bench', '--size', '7'], /--size.*8 to 1,048,576/],
    [['bench', '--count', 'all'], /--count.*whole number/],
  ]
  for (const [args, said] of wrong) {
    it(`msgvan ${args.join(' ')}: exit code 2 and one helpful line`, async () => {
      const { code, stdout, stderr } = await sandbox.msgvan(args).ended
      expect({ code, stdout }, stderr).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr)
        .to.match(/^msgvan: .*\n$/)
        .and.match(said)
    })
  }

  it('names the variable that holds a wrong value', async () => {
    const { code, stderr } = await sandbox.msgvan(['status'], { env: { MSGVAN_PORT: 'x' } }).ended
    expect(code).to.equal(2)
    expect(stderr).to.match(/^msgvan: MSGVAN_PORT: .*"x"/)
  })

  it('refuses a relative MSGVAN_HOME before it advises anything', async () => {
    for (const command of ['status', 'stop', 'start', 'sub']) {
      const args = command === 'sub' ? ['sub', 't'] : [command]
      const { code, stderr } = await sandbox.msgvan(args, { env: { MSGVAN_HOME: 'rel' } }).ended
      expect({ code, stderr }).to.deep.equal({
        code: 2,
        stderr: 'msgvan: MSGVAN_HOME must be an absolute path; this is "rel". (MSGVAN_INVALID_OPTION)\n',
      })
    }
  })

  it('each command reports a port that accepts and never answers after two seconds', async () => {
    const server = createServer(socket => socket.on('error', () => undefined).resume())
    server.listen(sandbox.port, '127.0.0.1')
    await once(server, 'listening')
    try {
      await Promise.all(
        [['pub', 't', 'x'], ['status'], ['sub', 't']].map(async args => {
          const command = sandbox.msgvan(args)
          const [line] = await command.shows(/^msgvan: .*\n/m)
          expect(line).to.contain('No answer from').and.contain('use another port')
          expect(line).to.not.contain('This bus').and.not.contain('msgvan start')
          await command.kill('SIGKILL')
        }),
      )
    } finally {
      server.close()
    }
  })

  it('the variable of a switch takes 1 or 0 only', async () => {
    for (const [command, variable, value] of [
      ['status', 'MSGVAN_START', 'yes'],
      ['status', 'MSGVAN_VERBOSE', 'true'],
      ['host', 'MSGVAN_WATCH', 'on'],
      ['host', 'MSGVAN_LEADER', '2'],
    ] as const) {
      const { code, stderr } = await sandbox.msgvan([command], { env: { [variable]: value } }).ended
      expect({ code, stderr }).to.deep.equal({
        code: 2,
        stderr: `msgvan: ${variable}: 1 or 0; this is "${value}". (MSGVAN_INVALID_OPTION)\n`,
      })
    }
  })

  it('differs from an error: no host, exit code 1', async () => {
    for (const args of [
      ['status'],
      ['unsubscribe', 'x'],
      ['pause', 'x'],
      ['resume', 'x'],
      ['pub', 't', '--no-start'],
      ['sub', 't', '--no-start'],
    ]) {
      const { code, stdout, stderr } = await sandbox.msgvan(args).ended
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr).to.match(
        /^msgvan: No host is running on port \d+\. Start one: msgvan start --port \d+ \(MSGVAN_HOST_UNREACHABLE\)\n$/,
      )
    }
  })
})

describe('help', () => {
  const program = programOf(new Cli())
  const texts: [string, string][] = [program, ...program.commands].map(command => {
    let text = ''
    command.configureOutput({ writeOut: part => (text += part) })
    command.outputHelp()
    return [command.name(), text]
  })

  for (const [name, text] of texts) {
    it(`the help of ${name} fits 80 columns`, () => {
      expect(text.split('\n').filter(line => line.length > 80)).to.deep.equal([])
      expect(text).to.match(/^Usage: msgvan/)
    })
  }

  it('has no line that breaks off early: what follows would have found room', () => {
    for (const [name, text] of texts) {
      const lines = (text.split('\n\n')[1] ?? '').split('\n')
      lines.slice(1).forEach((line, at) => {
        const before = lines[at] ?? ''
        const isSentence = before.endsWith(':')
        const word = line.split(' ')[0] ?? ''
        if (!isSentence) expect(before.length + 1 + word.length, `${name}: ${before}`).to.be.at.least(80)
      })
    }
  })

  it('has an example for each command that takes more than options', () => {
    for (const [name, text] of texts) {
      if (!['status', 'start', 'stop', 'restart', 'unsubscribe', 'pause', 'resume'].includes(name))
        expect(text, name).to.contain('Examples:')
    }
  })

  it('goes to standard output with exit code 0, as the version does', async () => {
    const sandbox = await Sandbox.make()
    try {
      expect(await sandbox.msgvan(['--help']).ended).to.include({ code: 0, stderr: '' })
      const ofSub = await sandbox.msgvan(['sub', '--help']).ended
      expect(ofSub).to.include({ code: 0, stderr: '' })
      expect(await sandbox.msgvan(['help', 'sub']).ended).to.deep.equal(ofSub)
      expect(await sandbox.msgvan(['--version']).ended).to.include({
        code: 0,
        stdout: `${version}\n`,
        stderr: '',
      })
    } finally {
      await sandbox.clean()
    }
  })
})
