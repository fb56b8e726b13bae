import { createServer, type AddressInfo, type Server } from 'node:net'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { isAlive, isHostOn, readPidHint, removePidHint, writePidHint } from '../../src/state/pid-hint.js'
import { Sandbox } from '../support/sandbox.js'
import { onlyOnLinux } from '../support/requirement.js'

describe('the pid file', () => {
  let sandbox: Sandbox
  let server: Server | undefined

  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(async () => {
    const { paths, port } = sandbox
    await removePidHint(paths, port)
    if (server !== undefined) await new Promise(resolve => server?.close(resolve))
    server = undefined
    await sandbox.clean()
  })

  it('is written, read and removed', async () => {
    const { paths, port } = sandbox
    expect(await readPidHint(paths, port)).to.equal(undefined)
    await writePidHint(paths, port)
    expect(await readPidHint(paths, port)).to.equal(process.pid)
    await removePidHint(paths, port)
    expect(await readPidHint(paths, port)).to.equal(undefined)
  })

  it('stays when it belongs to another process, and nonsense in it is not a pid', async () => {
    const { paths, port } = sandbox
    await writeFile(paths.pid(port), '999999999\n')
    await removePidHint(paths, port)
    expect(await readPidHint(paths, port)).to.equal(999999999)
    for (const text of ['', '-1\n', '12', '1e3\n', '99999999999\n', '1\n2\n']) {
      await writeFile(paths.pid(port), text)
      expect(await readPidHint(paths, port), JSON.stringify(text)).to.equal(undefined)
    }
  })

  it('is believed only of a process that holds the port', async function () {
    onlyOnLinux(this)
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const stranger = sandbox.node(['-e', 'process.stdin.resume(); console.log("up")'])
    await stranger.shows(/up/)
    expect(await isHostOn(process.pid, port)).to.equal(true)
    expect(await isHostOn(stranger.pid, port)).to.equal(false)
    expect(isAlive(stranger.pid)).to.equal(true)
    await stranger.kill('SIGKILL')
    expect(isAlive(stranger.pid)).to.equal(false)
  })

  it('is of a process that runs until its port is free, not only until its first thread has ended', async function () {
    onlyOnLinux(this)
    for (let i = 0; i < 10; i++) {
      const listener = sandbox.node([
        '-e',
        'const s = require("net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port))',
      ])
      const [port] = await listener.shows(/^\d+$/m)
      listener.child.kill('SIGKILL')
      // Without a turn of the event loop, which would take notice of its end.
      while (isAlive(listener.pid));
      expect(listens(Number(port))).to.equal(false)
      await listener.ended
    }
  })
})

function listens(port: number): boolean {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .some(row => / 0A /.test(row) && row.includes(address))
}
