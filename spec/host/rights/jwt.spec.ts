import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { connect } from '../../../src/client/index.js'
import { readIssuerKeys } from '../../../src/host/rights/credentials/issuer-keys.js'
import { verifyJwt } from '../../../src/host/rights/credentials/jwt.js'
import { AuthError, ForbiddenError, type Bus } from '../../../src/index.js'
import { dialLocalSocket } from '../../../src/state/local-socket.js'
import { dialSocket } from '../../../src/client/connection/dial-socket.js'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { Issuer, unsigned } from '../../support/jwt.js'
import { GuardedHost, type Rights } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'

const inSeconds = (from: number): number => Math.floor(Date.now() / 1_000) + from
const claims = (changes: object = {}): object => ({
  ...{ iss: 'https://issuer', aud: ['msgvan', 'others'], sub: 'ada', scope: 'read orders' },
  ...{ exp: inSeconds(60), ...changes },
})

describe('the signature of a JWT', () => {
  const issuer = new Issuer()
  const keys = readIssuerKeys(JSON.stringify({ keys: [issuer.jwk] }))
  const isSigned = async (text: string, by = keys): Promise<boolean> => {
    const jwt = await verifyJwt(text, by, Date.now()).catch((error: unknown) => {
      expect(error).to.be.instanceOf(AuthError)
      return undefined
    })
    return jwt !== undefined
  }

  it('is good by the key of a JWKS, of a JWK and of PEM', async () => {
    const token = issuer.issue(claims())
    for (const file of [{ keys: [issuer.jwk] }, issuer.jwk])
      expect(await isSigned(token, readIssuerKeys(JSON.stringify(file)))).to.equal(true)
    expect(await isSigned(token, readIssuerKeys(issuer.pem))).to.equal(true)
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const ed = generateKeyPairSync('ed25519')
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    for (const [alg, { privateKey, publicKey }, hash, options] of [
      ['RS256', rsa, 'sha256', {}],
      ['PS512', rsa, 'sha512', pss],
      ['EdDSA', ed, undefined, {}],
      ['Ed25519', ed, undefined, {}],
    ] as const) {
      const text = unsigned(claims(), { alg })
      const signature = sign(hash, Buffer.from(text), { key: privateKey, ...options }).toString('base64url')
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
      expect(await isSigned(`${text}.${signature}`, readIssuerKeys(pem)), alg).to.equal(true)
    }
  })

  it('is not good without a key, by HMAC with the public key, by another key, or over another text', async () => {
    const good = issuer.issue(claims())
    const [header = '', , signature = ''] = good.split('.')
    const forged = unsigned(claims({ sub: 'eve' }), {}).split('.')[1] ?? ''
    const hmac = (kid: unknown, key: string | Buffer): string => {
      const text = unsigned(claims(), { alg: 'HS256', kid })
      return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
    }
    const eve = new Issuer()
    const bad: Record<string, string> = {
      none: `${unsigned(claims(), { alg: 'none' })}.AA`,
      'none without a signature': `${unsigned(claims(), { alg: 'none' })}.`,
      'no algorithm': `${unsigned(claims(), {})}.${signature}`,
      'HMAC with the PEM': hmac('one', issuer.pem),
      'HMAC with the key in DER': hmac(undefined, issuer.publicKey.export({ type: 'spki', format: 'der' })),
      'HMAC with an empty key': hmac('one', ''),
      'another issuer': eve.issue(claims()),
      'a key in its own header': eve.issue(claims(), { jwk: eve.jwk, kid: undefined }),
      'a key at an address': eve.issue(claims(), { jku: 'http://127.0.0.1/keys', x5u: 'file:///tmp/x' }),
      'another kid': issuer.issue(claims(), { kid: 'two' }),
      'a kid that is a path': eve.issue(claims(), { kid: '../../../../dev/null' }),
      'a kid that is a list': eve.issue(claims(), { kid: ['one'] }),
      'a kid of each object': eve.issue(claims(), { kid: '__proto__' }),
      'other claims': `${header}.${forged}.${signature}`,
      'an algorithm of another key': issuer.issue(claims(), { alg: 'ES384' }),
      'an algorithm in small letters': issuer.issue(claims(), { alg: 'es256' }),
      'a list of algorithms': issuer.issue(claims(), { alg: ['ES256'] }),
      'a name of an object': issuer.issue(claims(), { alg: 'constructor' }),
      'an unknown extension': issuer.issue(claims(), { crit: ['x'], x: 1 }),
      'unencoded claims': issuer.issue(claims(), { crit: ['b64'], b64: false }),
      'half a signature': good.slice(0, -43),
      'five parts': `${good}.AA.AA`,
      'claims that are a list': issuer.issue([claims()]),
    }
    for (const [what, token] of Object.entries(bad)) expect(await isSigned(token), what).to.equal(false)
    expect(await isSigned(good)).to.equal(true)
  })

  it('counts from nbf to exp, and a JWT without an end never', async () => {
    const at = Date.now()
    const outcome = async (changes: object): Promise<string> => {
      const token = issuer.issue(claims(changes))
      return verifyJwt(token, keys, at).then(
        jwt => `until ${jwt?.expires ?? 0}`,
        (error: unknown) => (error as AuthError).message,
      )
    }
    const now = at / 1_000
    expect(await outcome({ exp: now + 1 })).to.equal(`until ${at + 1_000}`)
    expect(await outcome({ exp: 1e300 })).to.equal(`until ${Number.MAX_SAFE_INTEGER}`)
    expect(await outcome({ nbf: now + 28 })).to.match(/^until/)
    for (const [changes, reason] of [
      [{ exp: now }, /has expired/],
      [{ exp: now - 1 }, /has expired/],
      [{ exp: -1 }, /has expired/],
      [{ exp: undefined }, /no expiry/],
      [{ exp: 'soon' }, /no expiry/],
      [{ exp: null }, /no expiry/],
      [{ nbf: now + 32 }, /not valid yet/],
      [{ nbf: 'x' }, /not valid yet/],
    ] as const)
      expect(await outcome(changes), JSON.stringify(changes)).to.match(reason)
  })

  it('is checked by public keys of good size alone, and of a set by those for signatures', async () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey
    const own = issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const text of [small.export({ type: 'spki', format: 'pem' }).toString(), own, '{"keys":[]}', 'x'])
      expect(() => readIssuerKeys(text)).to.throw()
    const bad = [
      { kty: 'oct', k: 'AAAA', alg: 'HS256' },
      { ...issuer.jwk, use: 'enc' },
      { ...issuer.jwk, key_ops: ['deriveKey'] },
      { ...issuer.jwk, alg: 'ECDH-ES' },
      null,
    ]
    for (const jwk of bad) expect(() => readIssuerKeys(JSON.stringify({ keys: [jwk] }))).to.throw()
    const set = readIssuerKeys(JSON.stringify({ keys: [...bad.slice(0, -1), issuer.jwk] }))
    expect(set).to.have.length(1)
    expect(await isSigned(issuer.issue(claims()), set)).to.equal(true)
  })
})

describe('a JWT', () => {
  const issuer = new Issuer()
  let folder: string
  let cert: string
  let host: GuardedHost
  const buses: Bus[] = []

  const writeKeys = (...issuers: readonly Issuer[]): Promise<void> =>
    writeFile(join(folder, 'keys.json'), JSON.stringify({ keys: issuers.map(({ jwk }) => jwk) }), {
      mode: 0o600,
    })

  const bus = (token: string | (() => string), url?: string): Bus => {
    const made = connect(url ?? `https://127.0.0.2:${host.server.port}`, { token, ca: cert })
    buses.push(made)
    return made
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-jwt-'))
    await certificateFor(folder, ['127.0.0.2'])
    cert = await readFile(join(folder, 'cert.pem'), 'utf8')
  })
  after(() => rm(folder, { recursive: true }))

  beforeEach(async () => {
    await writeKeys(issuer)
    const identity = { cert, key: await readFile(join(folder, 'key.pem'), 'utf8') }
    const localSocket = join(folder, 'host.sock')
    host = await GuardedHost.with({ other: {} }, { listen: '127.0.0.2', tls: identity, localSocket })
    const of = (name: string, only: object, rights: Rights): void =>
      host.file.give(
        name,
        [
          {
            jwt: {
              ...{ issuer: 'https://issuer', audience: 'msgvan', keys: join(folder, 'keys.json') },
              claims: only,
            },
          },
        ],
        rights,
      )
    of('orders', { scope: 'orders' }, { publish: ['orders'], subscribe: ['orders'] })
    of('ada', { sub: 'ada' }, { publish: ['ada'] })
    of('elsewhere', { sub: 'eli' }, { publish: ['.*'], vans: ['elsewhere'] })
    host.file.write()
    await eventually(() => expect(host.principals.size).to.equal(4))
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await host.close()
  })

  it('brings the rights of the first principal whose claims it has', async () => {
    const orders = bus(issuer.issue(claims()))
    await orders.publish('orders', 1)
    expect(await rejection(orders.publish('ada', 1))).to.be.instanceOf(ForbiddenError)
    const ada = bus(issuer.issue(claims({ scope: undefined })))
    await ada.publish('ada', 1)
    expect(await rejection(ada.publish('orders', 1))).to.be.instanceOf(ForbiddenError)
  })

  const refused: Record<string, () => string> = {
    'of another issuer': () => issuer.issue(claims({ iss: 'https://other' })),
    'for another audience': () => issuer.issue(claims({ aud: 'other' })),
    'without the claims of a principal': () => issuer.issue(claims({ scope: 'read', sub: 'eve' })),
    'that has expired': () => issuer.issue(claims({ exp: inSeconds(-1) })),
    'of another key': () => new Issuer().issue(claims()),
    'for a van that it may not enter': () => issuer.issue(claims({ scope: '', sub: 'eli' })),
  }
  for (const [what, token] of Object.entries(refused))
    it(`${what} is refused`, async () => {
      const error = await rejection(bus(token()).ready())
      expect(error.name).to.match(/AuthError|ForbiddenError/)
      expect(host.server.clients).to.equal(0)
    })

  it('goes by verified TLS or by the local socket, and by nothing else', async () => {
    const token = issuer.issue(claims())
    const plain = bus(token, `http://127.0.0.1:${host.server.port}`)
    expect((await rejection(plain.ready())).message).to.contain('verified TLS')
    const path = host.server.localSocket ?? ''
    const url = `http://127.0.0.1:${host.server.port}`
    const { bus: local } = host.client(undefined, {
      secret: () => tokenCredential(token),
      locate: () => Promise.resolve({ url, open: () => dialLocalSocket(path) }),
    })
    await local.publish('orders', 1)
  })

  it('is not taken by the host itself over a plain connection', async () => {
    // As a client without scruples.
    const { bus: careless } = host.client(undefined, {
      secret: () => tokenCredential(issuer.issue(claims())),
      dial: (url, listener, timeoutMs) =>
        dialSocket()(url, { ...listener, opened: ends => listener.opened(ends, true) }, timeoutMs),
    })
    expect((await rejection(careless.ready())).message).to.contain('by TLS')
  })

  it('ends its session within a second of its expiry, and a function gives the next one', async () => {
    const tokens = [issuer.issue(claims({ exp: inSeconds(2) })), issuer.issue(claims())]
    let calls = 0
    const once = bus(tokens[0] ?? '')
    const again = bus(() => tokens[Math.min(calls++, 1)] ?? '')
    await Promise.all([once.ready(), again.ready()])
    await eventually(async () =>
      expect(await rejection(once.publish('orders', 1))).to.be.instanceOf(AuthError),
    )
    await eventually(async () => {
      expect(calls).to.equal(2)
      await again.publish('orders', 1)
    })
  })

  it('ends its session when the issuer takes its key back', async () => {
    const next = new Issuer('two')
    const stays = bus(next.issue(claims()))
    await writeKeys(issuer, next)
    await eventually(() => stays.ready())
    const goes = bus(issuer.issue(claims()))
    await goes.ready()
    expect(host.server.clients).to.equal(2)
    await writeKeys(next)
    await eventually(() => expect(host.server.clients).to.equal(1))
    await stays.publish('orders', 1)
  })

  it('goes on by the keys that were good when the file of keys is bad, with a line in the log', async () => {
    const stays = bus(issuer.issue(claims()))
    await stays.ready()
    await writeFile(join(folder, 'keys.json'), '{')
    await eventually(() => expect(host.logged.join('\n')).to.contain('keys.json'))
    await stays.publish('orders', 1)
  })
})
