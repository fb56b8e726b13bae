import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { connect } from '../../../src/client/index.js'
import { AuthError, ForbiddenError, InvalidOptionError, type Bus } from '../../../src/index.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { GuardedHost } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'

const openssl = async (...args: readonly string[]): Promise<void> => {
  await promisify(execFile)('openssl', [...args])
}

interface Pair {
  readonly cert: string
  readonly key: string
}

describe('the certificate of a client', () => {
  let folder: string
  let server: Pair
  let host: GuardedHost
  const made: Record<string, Pair> = {}
  const buses: Bus[] = []

  const at = (name: string): string => join(folder, name)
  const pairOf = async (name: string): Promise<Pair> => ({
    cert: await readFile(at(`${name}.pem`), 'utf8'),
    key: await readFile(at(`${name}.key`), 'utf8'),
  })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  /** Of itself, or of an authority. */
  const certify = async (name: string, subject: string, by?: string, days = '2'): Promise<void> => {
    const files = ['-keyout', at(`${name}.key`), '-subj', subject]
    if (by === undefined)
      await openssl('req', '-x509', ...ec, ...files, '-days', days, '-out', at(`${name}.pem`))
    else {
      await openssl('req', '-new', ...ec, ...files, '-out', at(`${name}.csr`))
      const issuer = ['-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial']
      await openssl(
        'x509',
        '-req',
        '-in',
        at(`${name}.csr`),
        ...issuer,
        '-days',
        days,
        '-out',
        at(`${name}.pem`),
      )
    }
    made[name] = await pairOf(name)
  }
  const bus = (name: string | undefined, token?: string): Bus => {
    const own = name === undefined ? {} : (made[name] ?? {})
    const options = { ...own, ...(token === undefined ? {} : { token }), ca: server.cert }
    const opened = connect(`https://127.0.0.2:${host.server.port}`, options)
    buses.push(opened)
    return opened
  }
  const fingerprint = (name: string): string => new X509Certificate(made[name]?.cert ?? '').fingerprint256
  const rights = { publish: ['.*'] }

  before(async function () {
    this.timeout(30_000)
    folder = await mkdtemp(join(tmpdir(), 'msgvan-certificates-'))
    const { pem, key } = await certificateFor(folder, ['127.0.0.2'])
    server = { cert: pem, key: await readFile(key, 'utf8') }
    await certify('authority', '/O=Acme/CN=authority')
    await certify('impostor', '/O=Acme/CN=authority')
    await certify('own', '/CN=own')
    await certify('orders', '/O=Acme/CN=orders', 'authority')
    await certify('forged', '/O=Acme/CN=orders', 'impostor')
    await certify('self-made', '/O=Acme/CN=orders')
  })
  after(() => rm(folder, { recursive: true }))

  beforeEach(async () => {
    host = await GuardedHost.with({ other: rights }, { listen: '127.0.0.2', tls: server })
    host.file.give('own', [{ certificate: { fingerprint: fingerprint('own') } }], rights)
    const subject = { subject: 'O=Acme, CN=orders', ca: at('authority.pem') }
    host.file.give('orders', [{ certificate: subject }], { publish: ['orders'] })
    host.file.write()
    await eventually(() => expect(host.principals.size).to.equal(3))
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await host.close()
  })

  it('lets its principal in, by its fingerprint or by its subject and authority', async () => {
    await bus('own').publish('anything', 1)
    const orders = bus('orders')
    await orders.publish('orders', 1)
    expect(await rejection(orders.publish('anything', 1))).to.be.instanceOf(ForbiddenError)
  })

  it('is refused with the same subject by another authority, or by itself', async () => {
    for (const name of ['self-made', 'authority', undefined])
      expect(await rejection(bus(name).ready()), name).to.be.instanceOf(AuthError)
    // OpenSSL may end the connection itself when a signature is not that of the authority of that name.
    const error = await rejection(bus('forged').ready({ timeout: 1_000 }))
    expect(error.name).to.match(/AuthError|HostUnreachableError/)
    expect(host.server.clients).to.equal(0)
  })

  it('is not asked for by a host without a principal that has one; a token goes on in any case', async () => {
    await bus(undefined, host.file.tokens.get('other')).publish('anything', 1)
    host.file.remove('own')
    host.file.remove('orders')
    host.file.write()
    await eventually(() => expect(host.principals.authorities).to.equal(undefined))
    expect((await rejection(bus('own').ready())).message).to.contain('no certificate')
    await bus(undefined, host.file.tokens.get('other')).publish('anything', 1)
  })

  it('ends its session within a second when it is taken away', async () => {
    const own = bus('own')
    await own.ready()
    host.file.give('own', [], rights)
    host.file.write()
    await eventually(() => expect(host.server.clients).to.equal(0))
    expect(await rejection(own.publish('anything', 1))).to.be.instanceOf(AuthError)
  })

  it('needs verified TLS, and its key', async () => {
    const { cert = '', key = '' } = made['own'] ?? {}
    const plain = connect(`http://127.0.0.1:${host.server.port}`, { cert, key })
    buses.push(plain)
    expect((await rejection(plain.ready())).message).to.contain('TLS')
    expect(() => connect('https://127.0.0.2:1', { cert })).to.throw(InvalidOptionError)
  })
})
