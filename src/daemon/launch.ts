import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import type { Readable } from 'node:stream'

/** The pipe through which a launched process reports to the one that wanted it. */
export const REPORT_FD = 3

export interface LaunchOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** An open file for all its output. */
  readonly output: number
  /** A spec passes another one. */
  readonly shell?: string | undefined
}

export interface Launched {
  /** Its output on the pipe, line by line; it ends when the process does. */
  readonly lines: AsyncIterable<string>
  /** Ends it, if it runs. */
  kill(): void
  /** The caller waits for nothing more. */
  leave(): void
}

/** A shell takes a millisecond for it, and Node fifty. */
const BY_SHELL = `"$@" & echo $! >&${REPORT_FD}`
const BY_NODE = `
  const child = require('node:child_process').spawn(process.argv[1], process.argv.slice(2), {
    detached: true, stdio: ['ignore', 1, 2, ${REPORT_FD}], windowsHide: true })
  require('node:fs').writeSync(${REPORT_FD}, child.pid + '\\n')
  process.exit()`

/**
 * Starts a process that is not a descendant of this one: a process that ends at once starts it, in a session of its
 * own. So it outlives every event that ends this process with its children, its group or its session.
 */
export async function launch(command: readonly string[], options: LaunchOptions): Promise<Launched> {
  const { cwd, env, output, shell = process.platform === 'win32' ? undefined : '/bin/sh' } = options
  const how: SpawnOptions = {
    detached: true,
    cwd,
    env,
    stdio: ['ignore', output, output, 'pipe'],
    windowsHide: true,
  }
  const byNode = (): Promise<ChildProcess> => spawned(process.execPath, ['-e', BY_NODE, ...command], how)
  // Not every system has a shell, for example some small containers.
  const between = await (shell === undefined
    ? byNode()
    : spawned(shell, ['-c', BY_SHELL, 'sh', ...command], how).catch(byNode))
  between.unref()
  const pipe = between.stdio[REPORT_FD] as Readable
  let pid: number | undefined
  async function* lines(): AsyncIterable<string> {
    for await (const line of linesOf(pipe)) {
      if (pid === undefined && /^\d+$/.test(line)) pid = Number(line)
      else yield line
    }
  }
  return {
    lines: lines(),
    kill: () => {
      if (pid === undefined) return
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    },
    leave: () => void pipe.destroy(),
  }
}

/** @throws the system's own error */
function spawned(command: string, args: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options)
    child.once('error', reject)
    child.once('spawn', () => resolve(child))
  })
}

async function* linesOf(pipe: Readable): AsyncIterable<string> {
  let rest = ''
  for await (const chunk of pipe.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
