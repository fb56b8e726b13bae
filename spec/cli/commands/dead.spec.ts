import { expect } from 'chai'
import { Sandbox } from '../../support/sandbox.js'

describe('msgvan dead', () => {
  let sandbox: Sandbox
  before(async () => {
    sandbox = await Sandbox.make()
    await sandbox.msgvan(['host']).shows(/listening/)
    const failing = sandbox.script(`
      const bus = msgvan.van()
      bus.topic('orders', { name: 'billing', attempts: 2, delay: 0 }).subscribe(() => { throw new Error('no money') })
      bus.topic('orders', { name: 'shipping' }).subscribe(message => message.reject('no address'))
      let left = 2
      bus.deadLetters().subscribe(() => { left -= 1; if (left === 0) bus.close() })
      await bus.ready()
      await bus.publish('orders', { total: 10n }, { headers: { from: 'shop' } })`)
    expect(await failing.ended).to.include({ code: 0 })
  })
  after(() => sandbox.clean())

  const dead = async (...args: string[]) => sandbox.msgvan(['dead', ...args]).ended

  it('list: one line each, or one JSON object each; --subscription narrows', async () => {
    const { code, stdout } = await dead('list')
    expect(code).to.equal(0)
    expect(stdout).to.match(/ billing orders failed 2 times: Error: no money\n/)
    expect(stdout).to.match(/ shipping orders failed once: no address\n/)
    const json = await dead('list', '--subscription', 'billing', '--json')
    const letters = json.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    expect(letters).to.have.lengthOf(1)
    expect(letters[0]).to.deep.include({
      topic: 'orders',
      subscription: 'billing',
      attempts: 2,
      error: 'Error: no money',
      headers: { from: 'shop' },
      payload: { total: '10' },
    })
    expect(letters[0]?.['firstAt']).to.be.at.most(letters[0]?.['lastAt'] as number)
  })

  it('show prints all fields, and ends with exit code 1 for an unknown id', async () => {
    const [id = ''] = (await dead('list')).stdout.split(' ')
    const { stdout } = await dead('show', id, '--subscription', 'shipping')
    expect(stdout)
      .to.match(/^subscription {2}shipping$/m)
      .and.match(/^payload {7}\{"total":"10"\}$/m)
    const { code, stderr } = await dead('show', 'nobody')
    expect(code).to.equal(1)
    expect(stderr).to.match(/no dead letter "nobody"/)
  })

  it('wrong usage: exit code 2 and one line', async () => {
    for (const [args, said] of [
      [[], /which\? One of: list, show, replay, purge/],
      [['replay'], /Which dead letters\?/],
      [['purge', '--all', '--subscription', 'x'], /Which dead letters\?/],
      [['show'], /missing required argument 'id'/],
      [['bury'], /unknown command 'bury'|too many arguments/],
    ] as const) {
      const { code, stdout, stderr } = await dead(...args)
      expect({ code, stdout }, stderr).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr)
        .to.match(/^msgvan: .*\n$/)
        .and.match(said)
    }
  })

  it('replay: only to the subscription that it came from; then purge the rest', async () => {
    const mended = sandbox.script(`
      const bus = msgvan.van()
      for (const name of ['billing', 'shipping'])
        bus.topic('orders', { name }).subscribe(message => console.log(name, message.attempt))
      await bus.ready()
      console.log('ready')
      process.stdin.on('end', () => bus.close()).resume()`)
    await mended.shows(/ready/)
    expect(JSON.parse((await dead('replay', '--subscription', 'billing', '--json')).stdout)).to.deep.equal({
      replayed: 1,
    })
    await mended.shows(/billing 1/)
    expect(await dead('purge', '--all')).to.include({ code: 0, stderr: 'msgvan: purged: 1\n' })
    expect(await dead('list')).to.include({ code: 0, stdout: '', stderr: 'msgvan: no dead letters\n' })
    mended.end()
    const { stdout } = await mended.ended
    expect(stdout).to.equal('ready\nbilling 1\n')
  })
})
