import { connect as connectTcp } from 'node:net'
import { networkInterfaces } from 'node:os'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { connect } from '../../../src/client/index.js'
import { certificateFor, type Certificate } from '../../support/certificate.js'
import { ConventionHost, token } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { actorsModule } from '../../support/hosts.js'
import { collect, payloads } from '../../support/messages.js'
import { rejection } from '../../support/rejection.js'
import { Sandbox } from '../../support/sandbox.js'
import { skipUnless } from '../../support/requirement.js'

/** An address by which other machines reach this one. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find(address => address?.family === 'IPv4' && !address.internal)?.address

describe('joining a leader', () => {
  const sandboxes: Sandbox[] = []
  const sandbox = async (): Promise<Sandbox> => {
    const made = await Sandbox.make()
    sandboxes.push(made)
    return made
  }
  const hosts: ConventionHost[] = []
  const start = async (...args: string[]): Promise<ConventionHost> => {
    const host = new ConventionHost(await sandbox(), args)
    hosts.push(host)
    await host.start()
    return host
  }
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(host => host.closeBuses()))
    await Promise.all(sandboxes.splice(0).map(each => each.clean()))
  })

  it('takes the token of the leader: another one is refused with an error', async () => {
    const leader = await start('--leader')
    const stranger = (await sandbox()).msgvan(['host', '--join', `127.0.0.1:${leader.port}`], {
      env: { MSGVAN_TOKEN: 'something else, as long' },
    })
    await stranger.shows(
      /cannot join the leader at http:\/\/127\.0\.0\.1:\d+: The server at .* does not know the token/,
    )
    expect((await leader.bus().status()).hosts).to.have.lengthOf(1)
  })

  for (const args of [['--leader'], ['--join', '127.0.0.1']]) {
    it(`takes a token at all: msgvan host ${args.join(' ')}`, async () => {
      const { code, stderr } = await (await sandbox()).msgvan(['host', ...args]).ended
      expect(code).to.equal(1)
      expect(stderr)
        .to.match(/MSGVAN_AUTH/)
        .and.match(/MSGVAN_TOKEN/)
    })
  }

  it('has what its actors log in the log of the leader too, which stops them', async () => {
    const leader = await start('--leader')
    const follower = await start('--join', `127.0.0.1:${leader.port}`)
    const bus = follower.bus()
    await eventually(async () => expect((await bus.status()).hosts).to.have.lengthOf(2))
    const doer = await bus.actors.create({ module: actorsModule, export: 'Doer' }, { name: 'doer' })
    await firstValueFrom(doer.ask(['log', 'seen everywhere']))
    await leader.process?.shows(/actor doer: seen everywhere \(on the host at 127\.0\.0\.1:\d+\)/)
    const { code } = await leader.sandbox.msgvan(['actors', 'stop', 'doer']).ended
    expect(code).to.equal(0)
    expect(await bus.actors.find('doer')).to.equal(undefined)
  })

  it('takes a leader: any other host refuses', async () => {
    const alone = new ConventionHost(await sandbox(), [])
    hosts.push(alone)
    await alone.start()
    const follower = await start('--join', `127.0.0.1:${alone.port}`)
    await follower.process?.shows(/accepts no followers.*--leader/)
  })

  it('takes a leader of the same protocol: one of another is named', async () => {
    const other = (await sandbox()).node([
      '--input-type=module',
      '-e',
      `import { createServer } from 'node:http'
       import { Server } from ${JSON.stringify(import.meta.resolve('socket.io'))}
       import { socketParser } from ${JSON.stringify(new URL('../../../src/wire/socket-parser.js', import.meta.url).href)}
       const http = createServer()
       const server = new Server(http, { transports: ['websocket'], parser: socketParser })
       server.on('connection', socket => socket.on('hello', ({ protocol, version }) => {
         socket.emit('refused', {
           code: 'MSGVAN_VERSION_MISMATCH',
           message: 'The host is msgvan 0.0.1 and speaks protocol 1; this is msgvan ' + version + ' with protocol ' + protocol + '.',
         })
         socket.disconnect(true)
       }))
       http.listen(0, '127.0.0.1', () => console.log('port ' + http.address().port + '.'))`,
    ])
    const [, port = ''] = await other.shows(/port (\d+)\./)
    const follower = await start('--join', `127.0.0.1:${port}`)
    await follower.process?.shows(/cannot join.*msgvan 0\.0\.1 and speaks protocol 1/)
    // It goes on by itself.
    const bus = follower.bus()
    const seen = collect(bus.topic('t'))
    await bus.ready()
    await bus.publish('t', 1)
    expect(payloads(await seen.first(1))).to.deep.equal([1])
  })

  describe('over TLS', () => {
    let certificate: Certificate
    let leader: ConventionHost
    beforeEach(async () => {
      const { home } = await sandbox()
      certificate = await certificateFor(home, ['127.0.0.1', ...(outside === undefined ? [] : [outside])])
      const { cert, key } = certificate
      leader = await start('--leader', '--listen', '0.0.0.0', '--tls-cert', cert, '--tls-key', key)
    })

    it('hosts and clients are served that know the certificate', async () => {
      const follower = await start('--join', `127.0.0.1:${leader.port}`, '--tls-ca', certificate.cert)
      const buses = [
        leader.bus(),
        follower.bus(),
        connect(`https://127.0.0.1:${leader.port}`, { token, ca: certificate.pem }),
      ]
      try {
        const seen = buses.map(bus => collect(bus.topic('t')))
        for (const bus of buses) await bus.ready()
        for (const [at, bus] of buses.entries()) await bus.publish('t', at)
        for (const each of seen) expect(payloads(await each.first(3)).sort()).to.deep.equal([0, 1, 2])
      } finally {
        await buses[2]?.close({ drain: false })
      }
    })

    it('a follower that does not know the certificate does not join, and reports why, and what to do', async () => {
      const follower = await start('--join', `https://127.0.0.1:${leader.port}`)
      await follower.process?.shows(/cannot join the leader at https:.*self-signed certificate.*--tls-ca/)
      expect((await leader.bus().status()).hosts).to.have.lengthOf(1)
    })

    it('a client that does not know it, or knows another, hears why and what to do', async () => {
      const other = await certificateFor((await sandbox()).home, ['127.0.0.1'])
      const hears = async (ca: string | undefined): Promise<void> => {
        const bus = connect(`https://127.0.0.1:${leader.port}`, {
          token,
          ...(ca === undefined ? {} : { ca }),
        })
        try {
          const error = await rejection(bus.ready())
          expect(error).to.include({ code: 'MSGVAN_HOST_UNREACHABLE' })
          expect(error.message).to.match(
            /does not trust the issuer of its certificate.*the option ca.*--tls-ca/,
          )
        } finally {
          await bus.close({ drain: false })
        }
      }
      await Promise.all([hears(undefined), hears(other.pem)])
    })

    it('serves no remote client without TLS', async function () {
      if (outside === undefined) return skipUnless(this, false, 'this machine has no address but loopback')
      const socket = connectTcp(leader.port, outside)
      let answer = ''
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
      socket.write('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n\r\n')
      await eventually(() => expect(answer).to.match(/^HTTP\/1\.1 426 .*TLS only/s))
      socket.destroy()
    })

    it('a certificate without its key, and files without a certificate, are errors at the start', async () => {
      const { cert, key } = certificate
      for (const [args, said] of [
        [['--tls-cert', cert], /--tls-key/],
        [['--tls-cert', cert, '--tls-key', `${key}.not`], /--tls-key: .* cannot be read/],
        [['--tls-cert', key, '--tls-key', key], /--tls-cert/],
      ] as const) {
        const { code, stderr } = await (await sandbox()).msgvan(['host', ...args]).ended
        expect(code).to.equal(2)
        expect(stderr).to.match(said)
        expect(stderr.trimEnd().split('\n')).to.have.lengthOf(1)
      }
    })
  })
})
