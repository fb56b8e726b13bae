import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { Sandbox } from '../../support/sandbox.js'

describe('a second host on the same port', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('says who is there, and leaves it alone', async () => {
    const first = sandbox.msgvan(['host'])
    await first.shows(/listening on 127\.0\.0\.1:\d+/)
    const { code, stdout, stderr } = await sandbox.msgvan(['host']).ended
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(
      new RegExp(
        `^msgvan: A host is on port ${sandbox.port} already: msgvan \\S+, process ${first.pid}, up \\d+ s\\.`,
      ),
    )
    expect(stderr).to.contain(`msgvan stop --port ${sandbox.port}`).and.contain('MSGVAN_PORT_TAKEN')
    expect(await sandbox.hostPid()).to.equal(first.pid)
    expect(await sandbox.msgvan(['stop']).ended).to.include({ code: 0 })
    expect((await first.ended).code).to.equal(0)
  })

  it('is not needed: start reports the running one', async () => {
    const first = sandbox.msgvan(['host'])
    await first.shows(/listening/)
    const { code, stderr } = await sandbox.msgvan(['start']).ended
    expect({ code, stderr }).to.deep.equal({
      code: 0,
      stderr: `msgvan: host 0.1.0 on port ${sandbox.port} (pid ${first.pid}) was running already\n`,
    })
  })
})

describe('a port that something else has', () => {
  let sandbox: Sandbox
  let server: Server
  const sockets = new Set<Socket>()

  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
    await sandbox.clean()
  })

  async function occupy(stranger: Server): Promise<void> {
    server = stranger
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
    })
    server.listen(sandbox.port, '127.0.0.1')
    await once(server, 'listening')
  }

  const strangers: readonly [string, () => Server][] = [
    ['a web server', () => createHttpServer((_, response) => response.end('<h1>It works!</h1>'))],
    ['something that is no HTTP', () => createServer(socket => socket.end('220 mail.example.org ESMTP\r\n'))],
  ]
  for (const [name, make] of strangers) {
    it(`(${name}) is named as such, by every command and by van()`, async () => {
      await occupy(make())
      for (const args of [['status'], ['pub', 't'], ['start'], ['stop'], ['host']]) {
        const { code, stderr } = await sandbox.msgvan(args).ended
        expect(code, args[0]).to.equal(1)
        expect(stderr, args[0])
          .to.contain('is not a msgvan host')
          .and.contain('MSGVAN_PORT')
          .and.contain('MSGVAN_PORT_TAKEN')
        expect(stderr.trimEnd().split('\n'), stderr).to.have.length(1)
      }
    })
  }
})
