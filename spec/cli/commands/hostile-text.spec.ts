import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { Cli } from '../../../src/cli/cli.js'
import { programOf } from '../../../src/cli/program.js'
import { Sandbox } from '../../support/sandbox.js'

/** A row of its own, a cleared screen, colours by C0 and by C1, DEL, a line separator, and text that runs backwards. */
const HOSTILE = 'x\nfaked row\u001b[2J\u001b]0;title\u0007\u009b31m\u007f\u2028\u202e'
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

describe('hostile text in topics, payloads, names and errors', () => {
  let sandbox: Sandbox
  before(async () => {
    sandbox = await Sandbox.make()
    await sandbox.msgvan(['start']).ended
    await sandbox.hostPid()
    mkdirSync(dirname(sandbox.paths.log(sandbox.port)), { recursive: true })
    const failing = sandbox.script(`
      const text = ${JSON.stringify(HOSTILE)}
      const bus = msgvan.van()
      bus.topic(/^t/, { name: 'n' + text, attempts: 1 }).subscribe(message => message.reject('e' + text))
      const dead = new Promise(resolve => bus.deadLetters().subscribe(resolve))
      await bus.ready()
      await bus.publish('t' + text, 'p' + text, { headers: { ['h' + text]: text } })
      await dead
      await bus.close()`)
    expect((await failing.ended).code).to.equal(0)
  })
  after(() => sandbox.clean())

  const printed = async (args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const { stdout, stderr } = await sandbox.msgvan(args, { env }).ended
    const text = stdout + stderr
    expect(text, args.join(' ')).to.not.match(UNPRINTABLE)
    expect(text, args.join(' ')).to.not.match(/^faked row/m)
    return text
  }
  /** Its id, from JSON. */
  const letter = async (): Promise<string> =>
    (JSON.parse((await sandbox.msgvan(['dead', 'list', '--json']).ended).stdout) as { id: string }).id

  const principalsFile = (): string => {
    const file = `${sandbox.home}/some-principals.json`
    writeFileSync(file, '{"principals":{"ada":{"publish":["a"]}}}', { mode: 0o600 })
    return file
  }

  const commands: Readonly<Record<string, () => Promise<string[][]>>> = {
    status: async () => [['status'], ['status', '--json']],
    top: async () => [
      ['top', '--count', '1', '--interval', '0.1'],
      ['top', '--count', '1', '--interval', '0.1', '--json'],
    ],
    logs: async () => {
      const line = HOSTILE.replaceAll('\n', ' ')
      writeFileSync(sandbox.paths.log(sandbox.port), `2026-01-01T00:00:00.000Z x out ${line}\n`)
      return [['logs'], ['logs', 'x'], ['logs', '--json']]
    },
    dead: async () => [
      ['dead', 'list'],
      ['dead', 'list', '--json'],
      ['dead', 'show', await letter()],
      ['dead', 'show', await letter(), '--json'],
      ['dead', 'show', HOSTILE],
    ],
    actors: async () => [
      ['actors', 'stop', HOSTILE],
      ['actors', 'stop', HOSTILE, '--json'],
    ],
    cancel: async () => [
      ['cancel', `no${HOSTILE}`],
      ['cancel', `no${HOSTILE}`, '--json'],
    ],
    unsubscribe: async () => [
      ['unsubscribe', `no${HOSTILE}`],
      ['unsubscribe', `no${HOSTILE}`, '--json'],
    ],
    pause: async () => [
      ['pause', `no${HOSTILE}`],
      ['pause', `no${HOSTILE}`, '--json'],
    ],
    resume: async () => [
      ['resume', `no${HOSTILE}`],
      ['resume', `no${HOSTILE}`, '--json'],
    ],
    pub: async () => [
      ['pub', `$${HOSTILE}`, 'x'],
      ['pub', 't', HOSTILE, '--json'],
    ],
    sub: async () => [
      ['sub', `(${HOSTILE}`],
      ['sub', 't', '--from', HOSTILE],
      ['sub', 'u', '--name', `n${HOSTILE}`],
    ],
    request: async () => [
      ['request', HOSTILE],
      ['request', 't', HOSTILE, '--json'],
    ],
    reply: async () => [
      ['reply', `(${HOSTILE}`, '--command', 'cat'],
      ['reply', 't', '--command', 'cat', '--concurrency', HOSTILE],
    ],
    start: async () => [
      ['start', '--listen', HOSTILE],
      ['start', '--capabilities', HOSTILE],
    ],
    stop: async () => [['stop', '--port', HOSTILE]],
    restart: async () => [['restart', '--join', HOSTILE]],
    host: async () => [['host', '--idle', HOSTILE]],
    store: async () => [
      ['store', 'check', HOSTILE],
      ['store', 'info', HOSTILE],
    ],
    token: async () => [['token', HOSTILE]],
    principals: async () => [
      ['principals', 'add', HOSTILE],
      ['principals', 'add', 'ada', '--expires', HOSTILE],
      ['principals', 'list', HOSTILE, '--principals', principalsFile()],
      ['principals', 'check', 'ada', HOSTILE, HOSTILE, '--principals', principalsFile()],
      ['principals', 'check', 'ada', 'publish', HOSTILE, '--principals', principalsFile()],
      ['principals', 'revoke', HOSTILE, '--principals', principalsFile()],
    ],
    bench: async () => [['bench', '--size', HOSTILE]],
    help: async () => [['help', HOSTILE], [HOSTILE], [`--${HOSTILE}`]],
  }

  it('each command has a case here', () => {
    expect(Object.keys(commands).sort()).to.deep.equal(
      programOf(new Cli())
        .commands.map(command => command.name())
        .sort(),
    )
  })

  for (const [name, cases] of Object.entries(commands)) {
    it(`${name}: every character that it prints is printable, and no row is faked`, async () => {
      for (const args of await cases()) {
        const text = await printed(args)
        expect(text, args.join(' ')).to.match(/\\n|\\u|\\x|faked row/)
      }
    })
  }

  it('request: the error of a responder, and its answer as JSON', async () => {
    const failing = sandbox.msgvan(['reply', '^failing', '--verbose', '--command', 'cat >&2; exit 1'])
    const echo = sandbox.msgvan(['reply', '^echo', '--verbose', '--json', '--command', 'cat'])
    await Promise.all([failing.shows(/answering/), echo.shows(/answering/)])
    for (const args of [
      ['request', 'failing', HOSTILE],
      ['request', 'echo', JSON.stringify({ ['k' + HOSTILE]: HOSTILE }), '--json'],
    ])
      expect(await printed(args), args.join(' ')).to.match(/\\u|\\x/)
    for (const reply of [failing, echo]) {
      const { stdout, stderr } = await reply.kill('SIGTERM')
      expect(stdout + stderr).to.not.match(UNPRINTABLE)
    }
  })

  it('sub: topic and payload', async () => {
    for (const format of [[], ['--json']]) {
      const sub = sandbox.msgvan(['sub', '^t', '--count', '1', '--verbose', ...format])
      await sub.shows(/listening for/)
      await sandbox.msgvan(['pub', `t${HOSTILE}`, `p${HOSTILE}`]).ended
      const { stdout } = await sub.ended
      expect(stdout)
        .to.contain('faked row')
        .and.not.match(UNPRINTABLE)
        .and.not.match(/^faked row/m)
    }
  })

  it('sub --raw alone passes them through', async () => {
    const sub = sandbox.msgvan(['sub', '^t', '--count', '1', '--verbose', '--raw'])
    await sub.shows(/listening for/)
    await sandbox.msgvan(['pub', 't', HOSTILE]).ended
    expect((await sub.ended).stdout).to.equal(`${HOSTILE}\n`)
  })

  it('a variable with such a value', async () => {
    expect(await printed(['status'], { MSGVAN_PORT: HOSTILE })).to.contain('MSGVAN_PORT')
  })
})
