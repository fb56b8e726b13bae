import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { Sandbox } from '../../support/sandbox.js'
import { onlyOnLinux } from '../../support/requirement.js'

/** A host of a time to come, as far as an older client meets it: it refuses another protocol by name. */
const newer = `
  import { createServer } from 'node:http'
  import { Server } from ${JSON.stringify(import.meta.resolve('socket.io'))}
  const http = createServer()
  const server = new Server(http, { transports: ['websocket'], serveClient: false })
  server.on('connection', socket => {
    socket.on('hello', ({ protocol, version }) => {
      socket.emit('refused', {
        code: 'MSGVAN_VERSION_MISMATCH',
        message: 'The host is msgvan 9.8.7 and speaks protocol 99; this is msgvan ' + version + ' with protocol ' + protocol +
          '. Run \`msgvan restart\` with the version that you want to keep.',
      })
      socket.disconnect(true)
    })
  })
  http.listen(Number(process.env.MSGVAN_PORT), '127.0.0.1', () => console.log('listening'))`

describe('a host of another protocol version', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  async function startNewer() {
    const host = sandbox.node(['--input-type=module', '-e', newer])
    await host.shows(/listening/)
    await writeFile(sandbox.paths.pid(sandbox.port), `${host.pid}\n`)
    return host
  }

  it('is named as such, with what to do, by van() and by every command', async () => {
    await startNewer()
    const program = sandbox.script(`
      const bus = msgvan.van()
      await bus.ready().catch(error => console.log(error.constructor.name, error.message))
      await bus.close()`)
    expect((await program.ended).stdout).to.match(
      /^VersionMismatchError .*9\.8\.7.*protocol 99.*msgvan 0\.1\.0 with protocol \d+.*`msgvan restart`/,
    )
    for (const args of [['status'], ['pub', 't'], ['host'], ['start']]) {
      const { code, stderr } = await sandbox.msgvan(args).ended
      expect(code, args[0]).to.equal(1)
      expect(stderr, args[0]).to.contain('msgvan 9.8.7').and.contain('`msgvan restart`')
      expect(stderr.trimEnd().split('\n'), args[0]).to.have.length(1)
    }
  })

  it('is ended by restart, which starts one of this version', async function () {
    onlyOnLinux(this)
    const old = await startNewer()
    const { code, stdout, stderr } = await sandbox.msgvan(['restart', '--fresh', '--lose-waiting', '--json'])
      .ended
    expect(code, stderr).to.equal(0)
    expect(stderr).to.contain(`ended process ${old.pid} by SIGTERM`)
    expect((await old.ended).signal).to.equal('SIGTERM')
    expect(JSON.parse(stdout)).to.have.nested.property('host.version', '0.1.0')
    await sandbox.hostPid()
  })

  it('is left alone by stop when its pid file names another process', async function () {
    onlyOnLinux(this)
    const old = await startNewer()
    const bystander = sandbox.node(['-e', 'process.stdin.resume(); console.log("up")'])
    await bystander.shows(/up/)
    await writeFile(sandbox.paths.pid(sandbox.port), `${bystander.pid}\n`)
    const { code, stderr } = await sandbox.msgvan(['stop']).ended
    expect(code).to.equal(1)
    expect(stderr).to.contain('MSGVAN_VERSION_MISMATCH')
    for (const process of [old, bystander])
      expect(process.child.exitCode ?? process.child.signalCode).to.equal(null)
  })
})
