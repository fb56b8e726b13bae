import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { profiled } from './child.js'
import { endWithUs } from './end-with-us.js'

export const msgvanMain = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** A state folder and a port of a bench's own: it never meets a real host. */
export interface Sandbox {
  readonly home: string
  readonly port: number
  /** For processes that are to meet this sandbox's host. */
  readonly env: NodeJS.ProcessEnv
}

/** Makes one, and takes it away afterwards. */
export async function inSandbox<T>(run: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'msgvan-bench-'))
  const port = await freePort()
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MSGVAN_'))
  const env = { ...Object.fromEntries(own), MSGVAN_HOME: home, MSGVAN_PORT: String(port) }
  try {
    return await run({ home, port, env })
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** `msgvan host` as a child, as anybody would run it in the foreground. */
export class Host {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** Resolves when it listens. */
  static async start(
    { port, env }: Sandbox,
    nodeFlags: readonly string[] = [],
    options: readonly string[] = [],
  ): Promise<Host> {
    const flags = [...nodeFlags, ...profiled('host')]
    // It reports on the pipe when it listens.
    const host = ['host', '--port', String(port), '--report', '3', ...options]
    const child = spawn(process.execPath, [...flags, msgvanMain, ...host], {
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    endWithUs(child)
    const report = child.stdio[3]
    if (!(report instanceof Readable)) throw new Error('the host has no pipe to report on')
    const ended = once(child, 'exit').then(() =>
      Promise.reject(new Error('the host ended instead of listening')),
    )
    await Promise.race([once(report, 'data'), ended])
    report.destroy()
    ended.catch(() => undefined)
    return new Host(child)
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit')
    const impatient = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    this.#process.kill('SIGTERM')
    await gone
    clearTimeout(impatient)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
