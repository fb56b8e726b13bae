import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createLogger, type Logger } from '../../src/log/logger.js'
import { requireProgram } from '../support/requirement.js'
import { Rsyslog, until } from '../support/rsyslog.js'
import { runChild, tellIfHeld } from './child.js'

describe('log: a real rsyslog', function () {
  let syslog: Rsyslog
  let directory: string
  let file: string
  const open: Logger[] = []

  before(function () {
    requireProgram(this, 'rsyslogd', 'apt package rsyslog; logging is tested against the real one')
  })
  beforeEach(() => {
    syslog = new Rsyslog()
    directory = mkdtempSync(join(tmpdir(), 'msgvan-log-'))
    file = join(directory, 'x.log')
  })
  afterEach(async () => {
    for (const logger of open.splice(0)) logger.close()
    await syslog.remove()
    rmSync(directory, { recursive: true })
  })

  const logger = (program: string, verbose = false): Logger => {
    const created = createLogger({ program, verbose, socket: syslog.socket, file, retryEvery: 20 })
    open.push(created)
    return created
  }
  const fallenBack = () =>
    readdirSync(directory)
      .sort()
      .reverse()
      .flatMap(name => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1))

  it('has the right program, pid, severity and facility, and one host name', async () => {
    await syslog.start()
    const log = logger('msgvan-host', true)
    const levels = Object.keys(log.levels)
    for (const level of levels) log.log(level, `at level ${level}, 1: two [3]`)
    await syslog.entry('at level debug')
    const entries = syslog.entries()
    expect(entries.map(({ text }) => text)).to.deep.equal(
      levels.map(level => `at level ${level}, 1: two [3]`),
    )
    expect(entries.map(({ severity }) => severity)).to.deep.equal(
      levels.map(level => (level === 'error' ? 'err' : level)),
    )
    const host = new Set(entries.map(entry => entry.host))
    expect(host.size).to.equal(1)
    const [name = ''] = host
    expect(hostname().split('.')[0]).to.equal(name.split('.')[0])
    for (const { tag, program, pid, facility, raw, text } of entries) {
      expect(tag).to.equal(`msgvan-host[${process.pid}]:`)
      expect({ program, pid, facility }).to.deep.equal({
        program: 'msgvan-host',
        pid: String(process.pid),
        facility: 'user',
      })
      expect(raw)
        .to.match(/^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d msgvan-host\[/)
        .and.satisfy((line: string) => line.endsWith(text))
    }
    const [first = ''] = syslog.traditional()
    expect(first.replace(/^\w{3} [ \d]\d \d\d:\d\d:\d\d /, '')).to.equal(
      `${name} msgvan-host[${process.pid}]: at level emerg, 1: two [3]`,
    )
    expect(existsSync(file)).to.equal(false)
  })

  it('logs from warning on, and makes a name of any program', async () => {
    await syslog.start()
    const log = logger('my app: a/b[c]')
    log.notice('not this')
    log.warning('but this')
    expect((await syslog.entry('but this')).program).to.equal('my-app-a-b-c-')
    expect(syslog.entries()).to.have.length(1)
  })

  it('a message is one line, whatever is in it', async () => {
    await syslog.start()
    const log = logger('p')
    log.warning('one\n<8>Nov 23 10:00:00 root[1]: forged')
    log.warning('x'.repeat(1_000_000))
    log.warning('last')
    await syslog.entry('last')
    const texts = syslog.entries().map(({ text }) => text)
    expect(texts).to.have.length(3)
    expect(texts[0]).to.equal('one\\n<8>Nov 23 10:00:00 root[1]: forged')
    expect(texts[1]).to.match(/^x{7900}x*… \(.*\)$/)
  })

  it('after a stop and a start, lines of the meantime go to the file, with one line for the loss and one for the return', async () => {
    await syslog.start()
    const log = logger('p')
    log.warning('before')
    await syslog.entry('before')
    await syslog.stop()
    log.warning('meanwhile 1')
    log.warning('meanwhile 2')
    await syslog.start()
    const back = await syslog.entry('is back')
    expect(back.text).to.equal(`syslog at ${syslog.socket} is back: 2 lines went to ${file} meanwhile`)
    log.warning('after')
    await syslog.entry('after')
    expect(syslog.entries().map(({ text }) => text)).to.deep.equal(['before', back.text, 'after'])
    expect(
      fallenBack().map(line => line.replace(/^.*?: /, '').replace(/\((ENOENT|ECONNREFUSED)\)/, '()')),
    ).to.deep.equal([
      `syslog at ${syslog.socket} takes no lines (): logging goes to ${file} until it is back`,
      'meanwhile 1',
      'meanwhile 2',
      back.text,
    ])
  })

  it('is found when it comes later than the logger', async () => {
    const log = logger('p')
    log.warning('too early')
    await syslog.start()
    await syslog.entry('1 line went to')
    log.warning('in time')
    await syslog.entry('in time')
  })

  it('hangs with 100,000 lines to come: not one is lost, none twice, and few wait', async () => {
    await syslog.start()
    const log = logger('p')
    log.warning('ready')
    await syslog.entry('ready')
    syslog.freeze()
    for (let n = 0; n < 100_000; n++) log.warning(`n${n}.`)
    const [away = ''] = fallenBack()
    expect(away).to.match(/takes no lines \(EAGAIN\)/)
    expect(fallenBack().length, 'the rest would be waiting').to.be.greaterThan(98_000)
    syslog.thaw()
    await syslog.entry('is back')
    const seen = [...syslog.entries().map(({ text }) => text), ...fallenBack()].flatMap(
      text => /n(\d+)\.$/.exec(text)?.[1] ?? [],
    )
    expect(seen).to.have.length(100_000)
    expect(new Set(seen).size).to.equal(100_000)
  })

  it('takes up a hesitation of syslog without a word', async () => {
    await syslog.start()
    const log = logger('p')
    log.warning('ready')
    await syslog.entry('ready')
    syslog.freeze()
    for (let n = 0; n < 900; n++) log.warning(`n${n}.`)
    syslog.thaw()
    await syslog.entry('n899.')
    expect(syslog.entries().map(({ text }) => text)).to.deep.equal([
      'ready',
      ...Array.from({ length: 900 }, (_, n) => `n${n}.`),
    ])
    expect(existsSync(file)).to.equal(false)
  })

  it('lines that wait for a busy syslog survive the end of the process, by itself or by close', async () => {
    await syslog.start()
    syslog.freeze()
    const lines = `const log = createLogger(options); for (let n = 0; n < 900; n++) log.warning('n' + n + '.');`
    for (const end of ['', 'log.close()', 'process.exit(0)']) {
      const { code, err } = await runChild(lines + end, { program: 'p', socket: syslog.socket, file })
      expect({ code, err }).to.deep.equal({ code: 0, err: [] })
      expect(fallenBack().at(-1), end).to.include('n899.')
      rmSync(file)
    }
  })

  it('does not keep the process alive, closed or not', async () => {
    await syslog.start()
    const options = { program: 'p', socket: syslog.socket }
    for (const close of ['', 'log.close();']) {
      const ended = await runChild(
        `const log = createLogger(options); log.warning('x'); ${close} ${tellIfHeld}`,
        options,
      )
      expect({ code: ended.code, out: ended.out, err: ended.err }).to.deep.equal({
        code: 0,
        out: [],
        err: [],
      })
    }
    const control = `import winston from 'winston'; import { Syslog } from 'winston-syslog'
      winston.createLogger({ transports: [new Syslog({ protocol: 'unix', path: options.socket })] }).error('x'); ${tellIfHeld}`
    expect((await runChild(control, options)).out, 'winston-syslog alone').to.deep.equal(['held'])
    await until(() => syslog.entries().length === 3, 'all three lines arrived')
  })
})
