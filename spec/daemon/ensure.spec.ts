import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { ensureHost, type EnsureActions } from '../../src/daemon/ensure.js'
import { statePaths } from '../../src/state/paths.js'
import { HostUnreachableError, PortTakenError } from '../../src/errors.js'
import { rejection } from '../support/rejection.js'
import { Sandbox } from '../support/sandbox.js'

const options = { port: 1999, autoStart: true, paths: statePaths({ MSGVAN_HOME: '/nowhere' }) }

/** A machine on which `listens` and `start` go as told, the last answer for ever after. */
function machine(listens: boolean[], starts: boolean[]): EnsureActions & { readonly started: number } {
  const next = (answers: boolean[]): boolean => (answers.length > 1 ? answers.shift() : answers[0]) ?? false
  let started = 0
  return {
    get started() {
      return started
    },
    listens: async () => next(listens),
    start: async () => {
      started += 1
      return next(starts) ? { started: true, pid: 1 } : { started: false }
    },
    pause: () => Promise.resolve(),
  }
}

describe('finding or starting a host', () => {
  it('takes one that listens', async () => {
    const actions = machine([true], [true])
    expect(await ensureHost(options, actions)).to.equal(false)
    expect(actions.started).to.equal(0)
  })

  it('starts a host when nothing listens', async () => {
    const actions = machine([false], [true])
    expect(await ensureHost(options, actions)).to.equal(true)
    expect(actions.started).to.equal(1)
  })

  it('takes the one that was faster', async () => {
    expect(await ensureHost(options, machine([false, true], [false]))).to.equal(false)
  })

  it('tries again when the port was held by a host that was just ending', async () => {
    const actions = machine([false], [false, true])
    expect(await ensureHost(options, actions)).to.equal(true)
    expect(actions.started).to.equal(2)
  })

  it('gives up on a port that is bound but takes no connections', async () => {
    expect(await rejection(ensureHost(options, machine([false], [false])))).to.be.instanceOf(PortTakenError)
  })

  it('does not start a host without autoStart, and gives advice', async () => {
    const actions = machine([false], [true])
    const error = await rejection(ensureHost({ ...options, autoStart: false }, actions))
    expect(error).to.be.instanceOf(HostUnreachableError)
    expect(error.message).to.contain('msgvan start --port 1999')
    expect(actions.started).to.equal(0)
  })

  it('starts a host where the last one was killed a moment ago, and its port is not free yet', async () => {
    const sandbox = await Sandbox.make()
    // As the system does at the end of a process: it takes connections, and cuts them off.
    const ending = createServer(socket => socket.resetAndDestroy())
    await new Promise<void>(resolve => ending.listen(sandbox.port, '127.0.0.1', resolve))
    const started = sandbox.msgvan(['start'])
    await once(ending, 'connection')
    await once(ending, 'connection')
    ending.close()
    const { code, stderr } = await started.ended
    expect(code, stderr).to.equal(0)
    expect(stderr).to.contain('is up')
    await sandbox.hostPid()
    await sandbox.clean()
  })
})
