import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endWithUs } from '../support/end-with-us.js'

/** Debian has servers in here, which is on nobody's path but root's. */
const ALSO = ['/usr/sbin', '/usr/local/sbin']
const STARTS_WITHIN_MS = 10_000

export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...ALSO]) {
    const path = join(folder, name)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (folder !== '' && isThere) return path
  }
  return undefined
}

/** A server of somebody else's, in the foreground and quiet, until it is stopped. */
export class Program {
  readonly port: number
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, port: number) {
    this.#process = process
    this.port = port
  }

  /** Resolves when something listens on the port. */
  static async start(path: string, args: readonly string[], port: number, folder: string): Promise<Program> {
    const child = spawn(path, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    endWithUs(child)
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        said = (said + text.toString()).slice(-2_000)
      })
    const program = new Program(child, port)
    const until = performance.now() + STARTS_WITHIN_MS
    while (!(await listens(port))) {
      if (child.exitCode === null && child.signalCode === null && performance.now() < until) await sleep(20)
      else {
        await program.stop()
        throw new Error(`${path} does not listen on ${port}; it said: ${said}`)
      }
    }
    return program
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL') // it keeps nothing that would be worth a goodbye
    await gone
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
