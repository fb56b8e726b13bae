import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { runChild, tellIfHeld, withoutUnixDgram } from './child.js'

/** For a child with much to do, on a machine with more to do. */
const LONG_MS = 60_000

describe('log: without syslog', function () {
  let directory: string
  let socket: string
  let file: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'msgvan-log-'))
    socket = join(directory, 'nobody')
    file = join(directory, 'x.log')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const read = () => readFileSync(file, 'utf8').split('\n').slice(0, -1)
  const unstamped = (lines: string[]) => lines.map(line => line.replace(/^\S+Z /, ''))
  const twoLines = `const log = createLogger(options); log.warning('one'); log.error('two'); log.info('not at this level');`

  it('says nothing as long as there is nothing to say', async () => {
    const { code, out, err } = await runChild('createLogger(options)', { program: 'p', socket })
    expect({ code, out, err }).to.deep.equal({ code: 0, out: [], err: [] })
  })

  it('without a socket the console gets the lines, and nothing else', async () => {
    const { code, out, err, pid } = await runChild(twoLines + tellIfHeld, { program: 'p', socket })
    expect({ code, out }).to.deep.equal({ code: 0, out: [] })
    expect(err[0]).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z p\[/)
    expect(unstamped(err)).to.deep.equal([`p[${pid}] warning: one`, `p[${pid}] error: two`])
  })

  it('without a socket a configured file gets them, to the last line before the process ends', async () => {
    const { code, err, pid } = await runChild(`${twoLines} process.exit(5)`, { program: 'p', socket, file })
    expect({ code, err }).to.deep.equal({ code: 5, err: [] })
    expect(unstamped(read())).to.deep.equal([
      `p[${pid}] warning: syslog at ${socket} takes no lines (ENOENT): logging goes to ${file} until it is back`,
      `p[${pid}] warning: one`,
      `p[${pid}] error: two`,
    ])
  })

  it('without unix-dgram one line reports that, and nothing is tried again', async () => {
    const { code, err, pid } = await runChild(twoLines + tellIfHeld, { program: 'p', socket, file }, [
      withoutUnixDgram,
    ])
    expect({ code, err }).to.deep.equal({ code: 0, err: [] })
    expect(unstamped(read())).to.deep.equal([
      `p[${pid}] warning: syslog at ${socket} takes no lines (unix-dgram is not built here: ` +
        `Error: Cannot find module 'unix-dgram'): logging goes to ${file}`,
      `p[${pid}] warning: one`,
      `p[${pid}] error: two`,
    ])
  })

  it('without a socket and without unix-dgram, as in a bundle, the console gets the lines, and nothing else', async () => {
    const { code, err, pid } = await runChild(twoLines + tellIfHeld, { program: 'p', socket }, [
      withoutUnixDgram,
    ])
    expect(code).to.equal(0)
    expect(unstamped(err)).to.deep.equal([`p[${pid}] warning: one`, `p[${pid}] error: two`])
  })

  it('a worker thread does not use the socket', async () => {
    const program = `
      import { Worker } from 'node:worker_threads'
      const code = 'import(' + JSON.stringify(options.url) + ').then(m => m.createLogger(' + JSON.stringify(options) + ').error("from a worker"))'
      new Worker(code, { eval: true })`
    const url = new URL('../../src/log/logger.js', import.meta.url).href
    writeFileSync(socket, '')
    const { code, err } = await runChild(program, { program: 'p', socket, url })
    expect(code).to.equal(0)
    expect(err).to.have.length(2)
    expect(err[0]).to.include('(it cannot be used from a worker thread)')
    expect(err[1]).to.include('error: from a worker')
  })

  it('refuses to guess at a path that no socket can have', async () => {
    const { err } = await runChild(twoLines, { program: 'p', socket: join(directory, 'x'.repeat(108)) })
    expect(err[0]).to.include('(its path is over 107 bytes)')
    expect(err).to.have.length(3)
  })

  it('drops what comes after close and end, without a word and without an error', async () => {
    const program = `
      const closed = createLogger(options); closed.error('one'); closed.close(); closed.close(); closed.error('after close')
      const ended = createLogger(options); ended.error('two'); ended.end(); ended.error('after end')
      ended.on('finish', () => ended.error('after finish'))`
    const { code, err } = await runChild(program, { program: 'p', socket, file })
    expect({ code, err }).to.deep.equal({ code: 0, err: [] })
    expect(read().filter(line => line.includes('error'))).to.have.length(2)
  })

  it('100,000 lines with syslog away leave nothing in memory', async function () {
    this.timeout(3 * LONG_MS)
    const measured = (logger: string) => `
      ${logger}
      gc(); const before = process.memoryUsage().heapUsed
      for (let n = 0; n < 100_000; n++) log.warning(n + ' '.repeat(n % 3) + 'x'.repeat(200))
      gc(); console.log(process.memoryUsage().heapUsed - before)`
    const ours = await runChild(
      measured('const log = createLogger(options)'),
      { program: 'p', socket, file },
      ['--expose-gc'],
      LONG_MS,
    )
    expect({ code: ours.code, err: ours.err }).to.deep.equal({ code: 0, err: [] })
    expect(Number(ours.out[0])).to.be.lessThan(5_000_000)
    expect(readdirSync(directory).sort()).to.deep.equal(['x.log', 'x.log.1', 'x.log.2'])
    expect(read().at(-1)).to.include('99999')

    const bare = `
      import winston from 'winston'; import { Syslog } from 'winston-syslog'
      const log = winston.createLogger({ levels: winston.config.syslog.levels,
        transports: [new Syslog({ protocol: 'unix', path: options.socket })] }).on('error', () => {})`
    const control = await runChild(measured(bare), { socket }, ['--expose-gc'], LONG_MS)
    expect(control.out, `the control's output; ${JSON.stringify(control)}`).to.have.length(1)
    expect(Number(control.out[0]), 'winston-syslog alone, to show that this measures').to.be.greaterThan(
      20_000_000,
    )
  })
})
