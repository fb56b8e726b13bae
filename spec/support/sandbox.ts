import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readPidHint, isAlive } from '../../src/daemon/pid-hint.js'
import { statePaths, type StatePaths } from '../../src/daemon/paths.js'
import { isGoneWithin } from '../../src/daemon/gone.js'
import { Processes, type Started } from './processes.js'

/** The built command line. */
export const msgvanMain = new URL('../../src/cli/main.js', import.meta.url).pathname

/** A state folder and a port of its own: what a spec starts meets neither another spec nor a real host. */
export class Sandbox {
  readonly processes = new Processes()
  readonly paths: StatePaths
  /** Hosts that ran here, also those that started by themselves. */
  readonly #hosts = new Set<number>()

  private constructor(
    readonly home: string,
    readonly port: number,
  ) {
    this.paths = statePaths({ MSGVAN_HOME: home })
  }

  static async make(): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), 'msgvan-spec-')), await freePort())
  }

  /** For processes that are to meet this sandbox's host, and nothing of this machine's real settings. */
  get env(): NodeJS.ProcessEnv {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('MSGVAN_')),
    )
    return { ...env, MSGVAN_HOME: this.home, MSGVAN_PORT: String(this.port) }
  }

  /** The command line, in a process of its own. */
  msgvan(args: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}): Started {
    return this.node([msgvanMain, ...args], options)
  }

  node(args: readonly string[], { env = {} }: { env?: NodeJS.ProcessEnv } = {}): Started {
    return this.processes.start(process.execPath, args, { ...this.env, ...env })
  }

  /** A host to be ended with the sandbox, whatever becomes of its pid file. */
  owns(pid: number): void {
    this.#hosts.add(pid)
  }

  /** Ends what was started here and waits until it is gone. */
  async clean(): Promise<void> {
    await this.processes.killAll()
    const hinted = await readPidHint(this.paths, this.port)
    if (hinted !== undefined) this.#hosts.add(hinted)
    for (const pid of this.#hosts) {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      if (!(await isGoneWithin(5_000, pid, this.port))) throw new Error(`host ${pid} does not go away`)
    }
    await rm(this.home, { recursive: true, force: true })
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
