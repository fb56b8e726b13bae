import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { certificateFor } from '../../support/certificate.js'
import { Issuer } from '../../support/jwt.js'
import { Sandbox } from '../../support/sandbox.js'

interface File {
  readonly principals: Record<string, { readonly credentials: { token: string; expires?: string }[] }>
}

describe('msgvan principals', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const principals = async (...args: string[]) => sandbox.msgvan(['principals', ...args]).ended
  const file = (): File => JSON.parse(readFileSync(sandbox.paths.principals, 'utf8')) as File
  const publish = (topic: string, token: string) =>
    sandbox.msgvan(['--token', token, '--no-start', 'pub', topic, 'x', '--timeout', '20']).ended

  it('add gives a token that has the rights at a host, and revoke ends them within a second', async () => {
    const added = await principals('add', 'orders', '--publish', 'orders\\..*', '--publish', 'news')
    expect(added.code, added.stderr).to.equal(0)
    const token = added.stdout.trim()
    expect(token).to.match(/^orders\.[\w-]{43}$/)
    expect(JSON.stringify(file())).to.not.contain(token.slice('orders.'.length))
    expect(statSync(sandbox.paths.principals).mode & 0o777).to.equal(0o600)

    const host = sandbox.msgvan(['--verbose', 'host'])
    await host.shows(/listening/)
    expect(await publish('orders.eu', token)).to.include({ code: 0 })
    const denied = await publish('secrets', token)
    expect(denied.code).to.equal(1)
    expect(denied.stderr).to.match(/orders lacks the right "publish"/)

    expect(await principals('revoke', 'orders')).to.include({ code: 0, stderr: 'msgvan: revoked: 1\n' })
    await host.shows(/anew: 1 principals/)
    expect((await publish('orders.eu', token)).code).to.equal(1)
  })

  it('add writes limits, beside those that are there, and list shows them', async () => {
    const one = await principals('add', 'ada', '--limit', 'publishes=5', '--limit', 'names=2')
    expect(one.code, one.stderr).to.equal(0)
    expect(await principals('add', 'ada', '--limit', 'names=3', '--over', 'refuse')).to.include({ code: 0 })
    const { stdout } = await principals('list', 'ada')
    expect(stdout).to.contain('  at most 5 publishes a second\n  at most 3 subscriptions with a name\n')
    expect(stdout).to.contain('  publishes over a limit are refused\n')
    for (const [option, value, fault] of [
      ['--limit', 'publishes=0', /"publishes" is a whole number/],
      ['--limit', 'publish=1', /"limits" has no "publish"/],
      ['--limit', 'names', /--limit is a name and a number/],
      ['--over', 'drop', /"over" is one of/],
    ] as const)
      expect((await principals('add', 'ada', option, value)).stderr).to.match(fault)
  })

  it('add to one that is there keeps its rights and tokens, and a host reads them anew', async () => {
    const first = (await principals('add', 'ada', '--publish', 'a', '--expires', '2d')).stdout.trim()
    const host = sandbox.msgvan(['--verbose', 'host'])
    await host.shows(/listening/)
    expect((await publish('b', first)).code).to.equal(1)
    const second = (await principals('add', 'ada', '--publish', 'b', '--json')).stdout
    const { token, id } = JSON.parse(second) as { token: string; id: string }
    await host.shows(/anew: 1 principals/)
    for (const each of [first, token])
      for (const topic of ['a', 'b']) expect(await publish(topic, each), topic).to.include({ code: 0 })
    const [one, two] = file().principals['ada']?.credentials ?? []
    expect(Date.parse(one?.expires ?? '') - Date.now()).to.be.within(86_400_000, 2 * 86_400_000)
    expect(two?.token).to.equal(id)
    expect(await principals('revoke', 'ada', id, '--json')).to.include({ code: 0, stdout: '{"revoked":1}\n' })
    expect(file().principals['ada']?.credentials).to.have.lengthOf(1)
    expect((await principals('revoke', 'ada', 'nothere')).code).to.equal(1)
  })

  it('check answers as the host does, with exit code 1 for no', async () => {
    await principals('add', 'ada', '--publish', 'a', '--subscribe', 'a.*', '--dead-letters', 'work', '--join')
    for (const [args, code] of [
      [['publish', 'a'], 0],
      [['publish', 'ab'], 1],
      [['subscribe', 'ab'], 0],
      [['subscribe', '$dead/work'], 0],
      [['subscribe', '$hosts'], 1],
      [['deadLetters', 'work'], 0],
      [['names', 'work'], 1],
      [['vans', 'default'], 0],
      [['vans', 'other'], 1],
      [['actors', '/x.mjs'], 1],
      [['join'], 0],
      [['admin'], 1],
      [['fly', 'a'], 2],
      [['publish'], 2],
    ] as const) {
      const ended = await principals('check', 'ada', ...args)
      expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).to.equal(code)
    }
    expect((await principals('check', 'eve', 'publish', 'a')).code).to.equal(1)
  })

  it('list shows rights and tokens, and nothing that logs in', async () => {
    await principals('add', 'ada', '--publish', 'a', '--actors', '/srv/actors', '--admin', '--expires', '1h')
    await principals('add', 'bob', '--enter', 'b.*')
    const { stdout } = await principals('list')
    expect(stdout).to.match(
      /^ada\n {2}vans: default\n {2}publish: a\n {2}actors: \/srv\/actors\n {2}admin\n {2}token [\w-]{12}, until 2\d{3}-.*Z\nbob\n {2}vans: b\.\*\n {2}token [\w-]{12}\n$/,
    )
    const json = JSON.parse((await principals('list', 'bob', '--json')).stdout) as Record<string, unknown>
    expect(json).to.include({ name: 'bob', join: false })
    expect((await principals('list', 'eve')).code).to.equal(1)
  })

  it('add takes a JWT or a certificate in place of a token, list shows them, and revoke takes them', async () => {
    const issuer = new Issuer()
    const keys = join(sandbox.home, 'issuer.pem')
    writeFileSync(keys, issuer.pem, { mode: 0o600 })
    const { cert } = await certificateFor(sandbox.home, ['127.0.0.1'])
    const jwt = ['--jwt-issuer', 'https://id', '--jwt-audience', 'msgvan', '--jwt-keys', keys]
    const added = await principals(
      'add',
      'web',
      '--publish',
      'web',
      ...jwt,
      '--jwt-claim',
      'role=web',
      '--json',
    )
    const { token, id } = JSON.parse(added.stdout) as { token?: string; id: string }
    expect(token).to.equal(undefined)
    expect(await principals('add', 'box', '--certificate', cert)).to.include({ code: 0, stdout: '' })
    expect(
      await principals('add', 'box', '--certificate-subject', 'CN=box', '--certificate-ca', cert),
    ).to.include({
      code: 0,
    })
    const { stdout } = await principals('list')
    expect(stdout).to.match(/^ {2}jwt [\w-]{12}: https:\/\/id msgvan .*issuer\.pem role=web$/m)
    expect(stdout).to.match(/^ {2}certificate [\w-]{12}: ([0-9A-F]{2}:){31}[0-9A-F]{2}$/m)
    expect(stdout).to.match(/^ {2}certificate [\w-]{12}: CN=box .*cert\.pem$/m)

    const host = sandbox.msgvan(['--verbose', 'host'])
    await host.shows(/listening/)
    const exp = Math.floor(Date.now() / 1_000) + 600
    const claims = { iss: 'https://id', aud: 'msgvan', role: 'web', exp }
    expect(await publish('web', issuer.issue(claims))).to.include({ code: 0 })
    expect((await publish('other', issuer.issue(claims))).stderr).to.contain('lacks the right')
    expect((await publish('web', issuer.issue({ ...claims, role: 'none' }))).code).to.equal(1)
    expect(await principals('revoke', 'web', id)).to.include({ code: 0 })
    await host.shows(/anew: 2 principals/)
    expect((await publish('web', issuer.issue(claims))).code).to.equal(1)
    for (const wrong of [
      ['--jwt-issuer', 'i'],
      [...jwt, '--certificate', cert],
      ['--certificate', keys],
      ['--certificate-subject', 'CN=a', '--certificate-ca', keys],
      [...jwt, '--jwt-claim', 'role'],
    ]) {
      const before = readFileSync(sandbox.paths.principals, 'utf8')
      expect((await principals('add', 'web', ...wrong)).code, wrong.join(' ')).to.equal(2)
      expect(readFileSync(sandbox.paths.principals, 'utf8')).to.equal(before)
    }
  })

  it('a wrong file, name, right or time is refused, and nothing is written', async () => {
    for (const args of [
      ['add', 'no name'],
      ['add', 'ada', '--publish', '('],
      ['add', 'ada', '--expires', '2001-01-01'],
      ['add', 'ada', '--expires', 'soon'],
      ['revoke', 'ada'],
      ['list'],
      [],
    ]) {
      const ended = await principals(...args)
      expect(ended.code, args.join(' ')).to.equal(2)
      expect(ended.stderr).to.match(/^msgvan: .+\n$/)
      expect(() => statSync(sandbox.paths.principals), args.join(' ')).to.throw('ENOENT')
    }
    await principals('add', 'constructor')
    const broken = readFileSync(sandbox.paths.principals, 'utf8').replace('"vans"', '"wans"')
    writeFileSync(sandbox.paths.principals, broken)
    const ended = await principals('add', 'ada')
    expect(ended.code).to.equal(2)
    expect(ended.stderr).to.match(/principals\.json, line \d+: constructor has no "wans"/)
    expect(readFileSync(sandbox.paths.principals, 'utf8')).to.equal(broken)
  })

  it('commands that add at the same time lose nothing', async () => {
    await sandbox.msgvan(['principals', 'add', 'first']).ended
    const names = ['a', 'b', 'c', 'd']
    const ended = await Promise.all(names.map(name => principals('add', name)))
    expect(ended.map(({ code }) => code)).to.deep.equal([0, 0, 0, 0])
    expect(Object.keys(file().principals).sort()).to.deep.equal([...names, 'first'])
  })
})

describe('msgvan token', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('prints the token alone on standard output, and its credential fits the file', async () => {
    const { code, stdout, stderr } = await sandbox.msgvan(['token', 'ada']).ended
    expect(code).to.equal(0)
    expect(stdout).to.match(/^ada\.[\w-]{43}\n$/)
    const credential: unknown = JSON.parse(/credential: (.*)/.exec(stderr)?.[1] ?? '')
    expect(credential).to.have.all.keys('token', 'salt', 'storedKey', 'serverKey')
    await sandbox.msgvan(['principals', 'add', 'ada']).ended
    const file = readFileSync(sandbox.paths.principals, 'utf8')
    writeFileSync(
      sandbox.paths.principals,
      file.replace('"credentials": [', `"credentials": [${JSON.stringify(credential)},`),
    )
    await sandbox.msgvan(['host']).shows(/listening/)
    const entered = await sandbox.msgvan(['--token', stdout.trim(), 'sub', 'a', '--timeout', '1']).ended
    expect(entered.stderr).to.match(/lacks the right "subscribe"/)
  })

  it('is made for a name that a principal may have', async () => {
    const { code, stderr } = await sandbox.msgvan(['token', '-x']).ended
    expect(code, stderr).to.equal(2)
    expect((await sandbox.msgvan(['token', 'a b']).ended).code).to.equal(2)
  })
})
