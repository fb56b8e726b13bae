import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { expect } from 'chai'
import { connect } from '../../src/client/index.js'
import { AuthError, HostUnreachableError, InvalidOptionError, type MsgvanError } from '../../src/errors.js'
import { hostSettings } from '../../src/host/process/settings.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { van } from '../../src/van.js'
import { eventually } from '../support/eventually.js'
import { startServer } from '../support/host-server.js'
import { thrown } from '../support/messages.js'
import { rejection } from '../support/rejection.js'
import { freePort } from '../support/ports.js'

const TOKEN = 'a token that is long enough'

describe('connect()', () => {
  const opened: { close(options: { drain: boolean }): Promise<void> }[] = []
  const servers: (Server | HostServer)[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(bus => bus.close({ drain: false })))
    for (const server of servers.splice(0)) await server.close()
  })

  const listening = async (server: Server): Promise<number> => {
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const host = async (): Promise<number> => {
    const server = await startServer({ token: TOKEN })
    servers.push(server)
    return server.port
  }
  const errorsOf = (
    url: string,
    token?: string,
  ): { bus: ReturnType<typeof connect>; errors: MsgvanError[] } => {
    const bus = connect(url, token === undefined ? {} : { token })
    opened.push(bus)
    const errors: MsgvanError[] = []
    bus.errors$.subscribe(error => errors.push(error))
    return { bus, errors }
  }

  it('refuses at once a URL that is not a host’s', () => {
    for (const url of [
      'http://127.0.0.1:1900/foo',
      'http://127.0.0.1:0',
      'ws://127.0.0.1:1900',
      '127.0.0.1:1900',
      'http://a b:1900',
      '',
    ])
      expect(() => connect(url), url).to.throw(InvalidOptionError, JSON.stringify(url))
  })

  it('repeats no password and no token of a URL in its error', () => {
    for (const [url, shown] of [
      ['http://me:secret@127.0.0.1:1900', 'http://…@127.0.0.1:1900'],
      ['http://me:sec/ret@127.0.0.1:1900', 'http://…@127.0.0.1:1900'],
      ['http:me:s@cret@127.0.0.1:1900', '…@127.0.0.1:1900'],
      ['me:secret@127.0.0.1:1900', '…@127.0.0.1:1900'],
      ['ws://127.0.0.1:1900/?token=secret', 'ws://127.0.0.1:1900/?…'],
      ['http://127.0.0.1:1900/#secret', 'http://127.0.0.1:1900/#…'],
    ] as const) {
      const calls = [() => connect(url), () => van({ addr: url }), () => hostSettings({ join: url }, {})]
      for (const call of calls) {
        const error = thrown(call)
        expect(error).to.be.instanceOf(InvalidOptionError)
        expect(String(error))
          .to.contain(JSON.stringify(shown))
          .and.not.match(/sec|cret/)
      }
    }
  })

  it('accepts a URL object', async () => {
    const bus = connect(new URL(`http://127.0.0.1:${await host()}`), { token: TOKEN })
    opened.push(bus)
    await bus.ready()
    expect(() => connect(new URL('http://127.0.0.1:1900/foo'))).to.throw(InvalidOptionError, '/foo"')
  })

  it('without a token first says that nothing listens, and that a token is missing where a host answers', async () => {
    const nowhere = errorsOf(`http://127.0.0.1:${await freePort()}`)
    expect(await rejection(nowhere.bus.ready({ timeout: 100 }))).to.include({
      code: 'MSGVAN_HOST_UNREACHABLE',
    })
    const { bus } = errorsOf(`http://127.0.0.1:${await host()}`)
    const error = await rejection(bus.ready())
    expect(error).to.include({ code: 'MSGVAN_AUTH' })
    expect(error.message).to.match(/^There is no secret and no token for http/)
    await bus.close()
    expect(await rejection(bus.ready())).to.include({ code: 'MSGVAN_CLOSED' })
  })

  it('accepts all spellings of a URL', async () => {
    const port = await host()
    for (const url of [
      `HTTP://127.0.0.1:${port}`,
      ` http://127.0.0.1:${port}/ `,
      `http://LOCALHOST:${port}`,
    ]) {
      const { bus } = errorsOf(url, TOKEN)
      await bus.ready()
    }
  })

  it('reports an unreachable host once on errors$, with the reason, and goes on', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const { bus, errors } = errorsOf(url, TOKEN)
    const states: string[] = []
    bus.state$.subscribe(state => states.push(state))
    await eventually(() => expect(errors).to.have.length(1))
    expect(errors[0]).to.be.instanceOf(HostUnreachableError)
    expect(errors[0]?.message).to.equal(
      `${url} cannot be reached: nothing listens there (ECONNREFUSED). This bus goes on trying.`,
    )
    const error = await rejection(bus.ready({ timeout: 1_500 }))
    expect(error).to.be.instanceOf(HostUnreachableError)
    expect(error.message)
      .to.contain('within 1500 ms')
      .and.contain('ECONNREFUSED')
      .and.not.contain('msgvan start')
    expect(errors).to.have.length(1)
    expect(states).to.deep.equal(['connecting'])
    servers.push(await startServer({ token: TOKEN, port }))
    await bus.ready()
    expect(states).to.deep.equal(['connecting', 'connected'])
  })

  it('reports a server that is not a msgvan host', async () => {
    const web = await listening(createHttpServer((_, response) => response.writeHead(404).end('no')))
    const mute = await listening(
      createServer(socket =>
        socket
          .on('error', () => undefined)
          .resume()
          .end('220 mail ready\r\n'),
      ),
    )
    const tls = await host()
    for (const [url, reason] of [
      [`http://127.0.0.1:${web}`, /not a msgvan host \(HTTP 404\)|closed the connection/],
      [`http://127.0.0.1:${mute}`, /not speak HTTP, so it is not a msgvan host/],
      [`https://127.0.0.1:${tls}`, /does not speak TLS, use http:/],
      ['http://no-such-name.invalid:1900', /ENOTFOUND|EAI_AGAIN/],
    ] as const) {
      const { errors } = errorsOf(url, TOKEN)
      await eventually(() => expect(errors, url).to.have.length(1))
      expect(errors[0]?.message, url).to.match(reason)
    }
  })

  it('reports a server that accepts and never answers after two seconds, and ready() names it', async () => {
    const port = await listening(createServer(socket => socket.on('error', () => undefined).resume()))
    const began = performance.now()
    const { bus: elsewhere, errors } = errorsOf(`http://127.0.0.1:${port}`, TOKEN)
    const here = van({ port, autoStart: false })
    opened.push(here)
    const errorsHere: MsgvanError[] = []
    here.errors$.subscribe(error => errorsHere.push(error))
    await eventually(() => expect([...errors, ...errorsHere]).to.have.length(2))
    // Long before the handshake is given up.
    expect(performance.now() - began).to.be.lessThan(9_000)
    const no = `No answer from http://127.0.0.1:${port} within 2 s: the server there is not a msgvan host, or it does not respond.`
    const advice =
      'If it is another program, use another port for the host: --port, MSGVAN_PORT, or the option `port`.'
    expect(errors[0]?.message).to.equal(`${no} This bus goes on trying.`)
    expect(errorsHere[0]?.message).to.equal(`${no} ${advice} This bus goes on trying.`)
    const ofReady = await rejection(elsewhere.ready({ timeout: 10 }))
    expect(ofReady.message).to.equal(`No host within 10 ms: ${no} This bus goes on trying.`)
    const ofReadyHere = await rejection(here.ready({ timeout: 10 }))
    expect(ofReadyHere.message).to.equal(`No host within 10 ms: ${no} ${advice} This bus goes on trying.`)
  })

  it('refuses an empty token at once', () => {
    for (const token of ['', ' '])
      expect(() => connect('http://127.0.0.1:1', { token })).to.throw(InvalidOptionError)
  })

  it('reports a wrong token at once', async () => {
    const { bus, errors } = errorsOf(`http://127.0.0.1:${await host()}`, 'another token, as long')
    expect(await rejection(bus.ready())).to.be.instanceOf(AuthError)
    expect(errors.map(({ code }) => code)).to.deep.equal(['MSGVAN_AUTH'])
  })

  it('reports a wrong token once, however many publishes are refused for it', async () => {
    const { bus, errors } = errorsOf(`http://127.0.0.1:${await host()}`, 'another token, as long')
    const refusals: MsgvanError[] = []
    const publish = () => void bus.publish('t').catch((error: unknown) => refusals.push(error as MsgvanError))
    publish()
    publish()
    await eventually(() => expect(errors).to.have.length(1))
    // Several attempts later it is the same.
    await new Promise(resolve => setTimeout(resolve, 500))
    publish()
    publish()
    await eventually(() => expect(refusals).to.have.length(4))
    expect(refusals.map(({ code }) => code)).to.deep.equal(Array(4).fill('MSGVAN_AUTH'))
    expect(errors).to.have.length(1)
  })

  it('van() without autoStart reports an unreachable host too', async () => {
    const bus = van({ port: await freePort(), autoStart: false })
    opened.push(bus)
    const errors: MsgvanError[] = []
    bus.errors$.subscribe(error => errors.push(error))
    await eventually(() => expect(errors).to.have.length(1))
    expect(errors[0]?.message).to.contain('nothing listens there')
    expect((await rejection(bus.ready({ timeout: 10 }))).message).to.contain('msgvan start')
  })

  it('ready() ends with its signal, and refuses wrong options', async () => {
    const { bus } = errorsOf(`http://127.0.0.1:${await freePort()}`, TOKEN)
    const controller = new AbortController()
    const waiting = bus.ready({ signal: controller.signal })
    const why = new Error('enough')
    controller.abort(why)
    expect(await rejection(waiting)).to.equal(why)
    expect(await rejection(bus.ready({ signal: controller.signal }))).to.equal(why)
    for (const options of [{ timeout: -1 }, { timeout: NaN }, { signal: {} }, { time: 1 }])
      expect(await rejection(bus.ready(options as object))).to.be.instanceOf(InvalidOptionError)
    await (() => {
      const embedded = van({ embedded: true })
      opened.push(embedded)
      return embedded.ready({ timeout: 0, signal: new AbortController().signal })
    })()
  })
})
