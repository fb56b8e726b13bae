import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, isHostOn, readPidHint } from '../../src/state/pid-hint.js'
import { statePaths, type StatePaths } from '../../src/state/paths.js'
import { hostStatus } from '../../src/daemon/find/ask.js'
import { isDeadWithin } from '../../src/daemon/gone.js'
import { freePort } from './ports.js'
import { Processes, type Started } from './processes.js'

/** The built command line. */
export const msgvanMain = new URL('../../src/cli/main.js', import.meta.url).pathname

const index = new URL('../../src/index.js', import.meta.url).href

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

  /** A program, as an ES module, in which `msgvan` is the package. */
  script(code: string, options: { env?: NodeJS.ProcessEnv } = {}): Started {
    return this.node(
      ['--input-type=module', '-e', `import * as msgvan from ${JSON.stringify(index)}\n${code}`],
      options,
    )
  }

  /** The pid of the host that runs here, by its own word. It is ended with the sandbox. */
  async hostPid(): Promise<number> {
    const { pid } = await hostStatus({ port: this.port, paths: this.paths })
    this.owns(pid)
    return pid
  }

  /** A host to be ended with the sandbox, whatever becomes of its pid file. */
  owns(pid: number): void {
    this.#hosts.add(pid)
  }

  /** Ends what was started here and waits until it is gone. */
  async clean(): Promise<void> {
    await this.processes.killAll()
    // Also a host that a client has started this very moment.
    for (let pids = await this.#pids(); pids.length > 0; pids = await this.#pids()) {
      for (const pid of pids) kill(pid)
      for (const pid of pids) {
        if (!(await isDeadWithin(5_000, pid))) throw new Error(`process ${pid} of a spec does not go away`)
      }
    }
    await rm(this.home, { recursive: true, force: true })
  }

  /** Processes that run in this sandbox. */
  async #pids(): Promise<number[]> {
    const found = process.platform === 'linux' ? await pidsWith(`MSGVAN_HOME=${this.home}`) : []
    const hinted = await readPidHint(this.paths, this.port)
    // A spec may have written anything into the pid file.
    if (hinted !== undefined && (await isHostOn(hinted, this.port))) found.push(hinted)
    return [...new Set([...this.#hosts, ...found])].filter(pid => isAlive(pid))
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}

/** Processes with this setting in their environment. */
async function pidsWith(setting: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)
  const environments = await Promise.all(
    pids.map(pid => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  )
  return pids.filter((_, i) => environments[i]?.split('\0').includes(setting))
}
