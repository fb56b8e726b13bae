import { expect } from 'chai'
import { msgvanMain, Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'
import { skipUnless } from '../../support/requirement.js'

describe('msgvan pub and sub', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const listen = async (...args: string[]): Promise<Started> => {
    const sub = sandbox.msgvan(['sub', '--verbose', ...args])
    await sub.shows(/listening for/)
    return sub
  }
  const pub = async (...args: string[]): Promise<void> => {
    expect(await sandbox.msgvan(['pub', ...args]).ended).to.include({ code: 0, stdout: '', stderr: '' })
  }
  /** In a shell, as people type it: `msgvan` is there as a function. */
  const shell = (line: string): Started =>
    sandbox.processes.start(
      'bash',
      ['-c', `msgvan() { "${process.execPath}" "${msgvanMain}" "$@"; }\n${line}`],
      sandbox.env,
    )

  it('seq 3 | msgvan pub t - publishes three lines, and sub --count 3 prints them and exits 0', async () => {
    const sub = await listen('^t', '--count', '3', '--timeout', '20')
    expect(await shell('seq 3 | msgvan pub t -').ended).to.include({ code: 0, stdout: '', stderr: '' })
    expect(await sub.ended).to.include({ code: 0, stdout: 't 1\nt 2\nt 3\n' })
  })

  it('pub --key gives each message a key, and sub --ordered is among the rules of a name', async () => {
    const sub = await listen('^t', '--name', 'w', '--ordered', 'key', '--count', '3', '--json')
    await pub('t', 'one', '--key', 'a')
    const other = sandbox.msgvan(['sub', '^t', '--name', 'w', '--ordered', 'header:x'])
    expect(await other.ended).to.include({ code: 1 })
    expect((await other.ended).stderr).to.include('MSGVAN_NAME_TAKEN')
    await shell('seq 2 | msgvan pub t - --key b').ended
    const { code, stdout } = await sub.ended
    expect(code).to.equal(0)
    const keys = stdout
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { headers: unknown }).headers)
    expect(keys).to.deep.equal(['a', 'b', 'b'].map(partitionkey => ({ partitionkey })))
    for (const args of [
      ['sub', '^t', '--ordered', 'topic'],
      ['sub', '^t', '--ordered', 'group:none'],
      ['pub', 't', '--key', ''],
    ])
      expect((await sandbox.msgvan(args).ended).code, args.join(' ')).to.be.oneOf([1, 2])
  })

  it('sub exits 3 when the time is over', async () => {
    const { code, stdout } = await sandbox.msgvan(['sub', '^t', '--count', '3', '--timeout', '1.5']).ended
    expect({ code, stdout }).to.deep.equal({ code: 3, stdout: '' })
  })

  it('sub --count takes no more than it shows: the rest waits for the next of that name', async () => {
    const first = await listen('^t', '--name', 'shared', '--count', '1')
    await shell('seq 5 | msgvan pub t -').ended
    expect(await first.ended).to.include({ code: 0, stdout: 't 1\n' })
    const second = await listen('^t', '--name', 'shared', '--count', '4')
    expect(await second.ended).to.include({ code: 0, stdout: 't 2\nt 3\nt 4\nt 5\n' })
  })

  it('sub --exact listens to one topic, and joins a name whose pattern is one; --name alone takes the pattern that is there', async () => {
    const maker = sandbox.script(`
      const bus = msgvan.van()
      bus.topic('jobs.exact', { name: 'exact' }).subscribe().unsubscribe()
      bus.topic(/^jobs\\./i, { name: 'regexp' }).subscribe().unsubscribe()
      await bus.ready()
      await bus.close()`)
    expect((await maker.ended).code).to.equal(0)
    const subs = [
      await listen('jobs.exact', '--exact', '--count', '1'),
      await listen('jobs.exact', '--exact', '--name', 'exact', '--count', '1'),
      await listen('--name', 'regexp', '--count', '1'),
    ]
    await pub('jobsXexact', 'other')
    await pub('jobs.exact', 'one')
    for (const sub of subs) expect(await sub.ended).to.include({ code: 0, stdout: 'jobs.exact one\n' })
    await pub('jobs.exact', 'two')
    const again = await sandbox.msgvan(['sub', '--name', 'exact', '--count', '1']).ended
    expect(again).to.include({ code: 0, stdout: 'jobs.exact two\n' })
    const refused = await sandbox.msgvan(['sub', 'jobs.exact', '--name', 'exact']).ended
    expect(refused).to.include({ code: 1, stdout: '' })
    expect(refused.stderr).to.contain('MSGVAN_NAME_TAKEN')
    const none = await sandbox.msgvan(['sub', '--name', 'nobody']).ended
    expect(none).to.include({ code: 2, stdout: '' })
    expect(none.stderr).to.match(/^msgvan: There is no subscription "nobody" in van default/)
  })

  it('sub --wildcard takes a NATS subject, --mqtt an MQTT filter, and one of them at a time', async () => {
    const subs = [
      await listen('orders.*.created', '--wildcard', '--count', '1'),
      await listen('orders/#', '--mqtt', '--count', '1'),
    ]
    for (const topic of ['orders.created', 'orders.a.b.created', 'ordersX']) await pub(topic, 'no')
    await pub('orders.eu.created', 'one')
    await pub('orders/eu', 'one')
    const outputs = ['orders.eu.created one\n', 'orders/eu one\n']
    for (const [at, sub] of subs.entries())
      expect(await sub.ended).to.include({ code: 0, stdout: outputs[at] as string })
    const wrong = await sandbox.msgvan(['sub', 'orders.>.x', '--wildcard']).ended
    expect(wrong).to.include({ code: 2, stdout: '' })
    expect(wrong.stderr).to.contain('> stands for the rest').and.contain('MSGVAN_INVALID_PATTERN')
    for (const both of [
      ['--wildcard', '--mqtt'],
      ['--exact', '--mqtt'],
    ])
      expect(await sandbox.msgvan(['sub', 'a', ...both]).ended).to.include({ code: 2, stdout: '' })
    expect(await sandbox.msgvan(['sub', '--mqtt', '--name', 'w']).ended).to.include({ code: 2, stdout: '' })
  })

  it('payloads: text, JSON, none, and what begins with a dash', async () => {
    const sub = await listen('^t', '--json', '--count', '5')
    await pub('t', 'hello world')
    await pub('t', '{"a":[1,2]}', '--json')
    await pub('t')
    await pub('t', '--', '-5')
    await pub('t', '')
    const messages = (await sub.ended).stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    expect(messages.map(({ payload }) => payload)).to.deep.equal([
      'hello world',
      { a: [1, 2] },
      null,
      '-5',
      '',
    ])
    expect(messages[0]).to.have.all.keys(
      'id',
      'topic',
      'payload',
      'headers',
      'timestamp',
      'attempt',
      'redelivered',
    )
  })

  it('an invalid line of JSON is an error with its number', async () => {
    const sub = await listen('^t', '--json', '--count', '1')
    const { code, stderr } = await shell(`printf '{"a":1}\\nnonsense\\n' | msgvan pub t - --json`).ended
    expect(code).to.equal(2)
    expect(stderr).to.match(/^msgvan: Line 2 is not JSON: nonsense .*\n$/)
    await sub.ended
  })

  it('blank lines and a byte order mark are skipped in JSON, and counted as lines', async () => {
    const sub = await listen('^t', '--json', '--count', '2')
    const { code, stderr } = await shell(
      `printf '\\xef\\xbb\\xbf{"a":1}\\r\\n\\r\\n  \\n{"a":2}\\nnonsense\\n' | msgvan pub t - --json`,
    ).ended
    expect(code).to.equal(2)
    expect(stderr).to.match(/^msgvan: Line 5 is not JSON: nonsense .*\n$/)
    const payloads = (await sub.ended).stdout
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { payload: unknown }).payload)
    expect(payloads).to.deep.equal([{ a: 1 }, { a: 2 }])
  })

  it('a line that is not UTF-8 is an error with its number, and nothing is published in its place', async () => {
    const sub = await listen('^t', '--count', '2')
    const { code, stderr } = await shell(`printf 'fine\\nf\\xfcr\\nnever\\n' | msgvan pub t -`).ended
    expect(code).to.equal(2)
    expect(stderr).to.match(/^msgvan: Line 2 of the input is not UTF-8\..*--binary.*\n$/)
    await pub('t', 'after')
    expect((await sub.ended).stdout).to.equal('t fine\nt after\n')
  })

  it('an argument that is not UTF-8 is refused, where the system shows its bytes, and U+FFFD itself is text', async function () {
    skipUnless(this, process.platform === 'linux', 'only Linux shows the bytes of arguments')
    const sub = await listen('^t', '--count', '1')
    for (const line of [`pub t $'\\xff'`, `pub $'t\\xff' x`, `pub --token secret t $'a\\xff'`]) {
      const { code, stderr } = await shell(`msgvan ${line}`).ended
      expect(code).to.equal(2)
      expect(stderr).to.match(/^msgvan: Argument [235] is not UTF-8\..*--binary.*MSGVAN_INVALID_OPTION\)\n$/)
    }
    await pub('t', '\ufffd')
    expect((await sub.ended).stdout).to.equal('t \ufffd\n')
  })

  it('--binary publishes the whole input as the bytes that it is', async () => {
    const sub = await listen('^t', '--json', '--count', '1')
    const piped = await shell(`printf 'f\\xfcr\\n\\0' | msgvan pub t - --binary`).ended
    expect(piped).to.include({ code: 0, stderr: '' })
    const { payload } = JSON.parse((await sub.ended).stdout) as { payload: string }
    expect([...Buffer.from(payload, 'base64')]).to.deep.equal([0x66, 0xfc, 0x72, 0x0a, 0])
    expect((await sandbox.msgvan(['pub', 't', 'text', '--binary']).ended).code).to.equal(2)
    expect((await sandbox.msgvan(['pub', 't', '-', '--binary', '--json']).ended).code).to.equal(2)
  })

  it('sub --json shows what JSON cannot hold', async () => {
    const sub = await listen('^t', '--json', '--count', '1')
    const program = sandbox.script(`
      const bus = msgvan.van()
      await bus.publish('t', { big: 1n, bytes: Buffer.from('hi'), map: new Map([['k', new Date(0)]]), set: new Set([NaN]) })
      await bus.close()`)
    expect((await program.ended).code).to.equal(0)
    const { payload } = JSON.parse((await sub.ended).stdout) as { payload: unknown }
    expect(payload).to.deep.equal({
      big: '1',
      bytes: 'aGk=',
      map: { k: '1970-01-01T00:00:00.000Z' },
      set: ['NaN'],
    })
  })

  it('sub --raw gives bytes as they are', async () => {
    const sub = await listen('^t', '--raw', '--count', '2')
    const program = sandbox.script(`
      const bus = msgvan.van()
      await bus.publish('t', new Uint8Array([104, 105]))
      await bus.publish('t', 'text')
      await bus.close()`)
    await program.ended
    expect((await sub.ended).stdout).to.equal('hitext\n')
  })

  it('pub to a full subscription says whose it is, and ends with exit code 3 after --timeout', async () => {
    const consumer = sandbox.script(`
      const bus = msgvan.van()
      bus.topic('t', { name: 'slow', ack: 'manual', prefetch: 1, maxPending: 1 }).subscribe()
      await bus.ready()
      console.log('ready')`)
    await consumer.shows(/ready/)
    await pub('t', 'in hand')
    await pub('t', 'waits')
    const { code, stderr } = await sandbox.msgvan(['pub', 't', 'too much', '--timeout', '6']).ended
    expect(code).to.equal(3)
    const lines = stderr.trimEnd().split('\n')
    expect(lines).to.have.length(2)
    expect(lines[0]).to.match(
      /^msgvan: waits: the subscription "slow" is full \(1 waiting\), and its consumer is slow/,
    )
    expect(lines[1]).to.match(/^msgvan: the van did not take everything over within 6 s/)
  })

  it('vans never mix', async () => {
    const sub = await listen('.', '--van', 'a', '--count', '1')
    await pub('t', 'elsewhere', '--van', 'b')
    await pub('t', 'here', '--van', 'a')
    expect((await sub.ended).stdout).to.equal('t here\n')
  })

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`sub ends in order by ${signal}, with exit code ${code}`, async () => {
      const sub = await listen('^t')
      await pub('t', 'seen')
      await sub.shows(/t seen/)
      const ended = await sub.kill(signal)
      expect(ended).to.include({ code, signal: null, stdout: 't seen\n' })
      expect(ended.stderr.trimEnd().split('\n')).to.have.length(1)
      const status = JSON.parse((await sandbox.msgvan(['status', '--json']).ended).stdout) as {
        subscriptions: unknown[]
      }
      expect(status.subscriptions).to.deep.equal([])
    })
  }

  it('pub ends by Ctrl-C while it waits for input', async () => {
    const sub = await listen('^t')
    const publisher = sandbox.msgvan(['pub', 't', '-'])
    publisher.write('one\n')
    await sub.shows(/t one/)
    expect(await publisher.kill('SIGINT')).to.include({ code: 130, stderr: '' })
  })

  it('sub | head -1 ends sub without a word, with exit code 0', async () => {
    const pipeline = shell('msgvan sub "^t" --verbose | head -1; echo "codes ${PIPESTATUS[*]}"')
    await pipeline.shows(/listening for/)
    const publisher = sandbox.msgvan(['pub', 't', '-'])
    // A reader that went away shows at the next write: one more line until then.
    const more = setInterval(() => publisher.write('line\n'), 50)
    const { stdout, stderr } = await pipeline.ended
    clearInterval(more)
    publisher.end()
    await publisher.ended
    expect(stdout).to.equal('t line\ncodes 0 0\n')
    expect(stderr.trimEnd().split('\n'), stderr).to.have.length(1)
  })

  it('sub | head -1 ends sub after a burst, too, when no further message comes', async () => {
    const pipeline = shell('msgvan sub "^t" --verbose | head -1; echo "codes ${PIPESTATUS[*]}"')
    await pipeline.shows(/listening for/)
    await shell('seq 200 | msgvan pub t -').ended
    const { stdout } = await pipeline.ended
    expect(stdout).to.equal('t 1\ncodes 0 0\n')
  })

  it('sub into a pipe whose reader stays runs on, and a reader that leaves without a message ends it', async () => {
    const stays = shell('msgvan sub "^t" --verbose --count 2 | cat; echo "codes ${PIPESTATUS[*]}"')
    const leaves = shell('msgvan sub "^t" --verbose | (read -r -t 0.1; true); echo "codes ${PIPESTATUS[*]}"')
    expect((await leaves.ended).stdout).to.equal('codes 0 0\n')
    await stays.shows(/listening for/)
    await pub('t', '1')
    await pub('t', '2')
    expect((await stays.ended).stdout).to.equal('t 1\nt 2\ncodes 0 0\n')
  })

  it('half a million lines go through in bounded memory', async function () {
    this.timeout(120_000)
    const count = 500_000
    const last = shell(`msgvan sub '^t' --raw --count ${count} | tail -1`)
    await sandbox.msgvan(['start']).ended
    const attached = sandbox.script(`
      const bus = msgvan.van()
      while ((await bus.status()).subscriptions.length === 0);
      await bus.close()`)
    await attached.ended
    const pipeline = shell(
      `seq ${count} | /usr/bin/env NODE_OPTIONS=--max-old-space-size=64 "${process.execPath}" "${msgvanMain}" pub t -`,
    )
    const { code, stderr } = await pipeline.ended
    expect(code, stderr).to.equal(0)
    // On a slow machine it says that it waits for the consumer, and nothing else.
    for (const line of stderr.trimEnd().split('\n'))
      expect(line).to.match(/^$|^msgvan: waits: the subscription \/\^t\/ is full/)
    expect((await last.ended).stdout).to.equal(`${count}\n`)
  })
})
