import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, HostUnreachableError } from '../errors.js'
import { launch, REPORT_FD, type Launched } from './launch.js'
import { programFile } from '../program-file.js'
import { ensureHome, type StatePaths } from './files/paths.js'

/** How a background host is to be. What is not said here it takes from the environment and the host before, as any host does. */
export interface StartOptions {
  readonly port: number
  readonly paths: StatePaths
  readonly token?: string | undefined
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  readonly verbose?: boolean | undefined
  /** Beyond loopback only with a token. */
  readonly listen?: string | undefined
  /** A client starts it, not a user. */
  readonly auto?: boolean | undefined
  /** Begins without what the host before was started with. */
  readonly fresh?: boolean | undefined
  /** First has the host that is there hand over all that is in its memory. */
  readonly takesOver?: boolean | undefined
  /** Seconds, as text. */
  readonly idle?: string | undefined
  /** Seconds, as text. */
  readonly sessionTtl?: string | undefined
  readonly heartbeat?: string | undefined
  /** Bytes, as text. */
  readonly maxPayload?: string | undefined
  readonly origins?: readonly string[] | undefined
  /** The folder in which it keeps what it owes. */
  readonly store?: string | undefined
  readonly retainAge?: string | undefined
  readonly retainBytes?: string | undefined
  readonly storeFloor?: string | undefined
  readonly watch?: boolean | undefined
  readonly leader?: boolean | undefined
  /** The leader's address. */
  readonly join?: string | undefined
  /** PEM files. */
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly tlsCa?: string | undefined
  /** Folders for handler modules of callers that are not local. */
  readonly roots?: readonly string[] | undefined
  /** The longest wait until it listens, in milliseconds. Default 30,000. */
  readonly timeout?: number
}

/** What a starting host says to the process that started it. */
export type StartReport =
  | { readonly msgvan: 'listening'; readonly pid: number }
  | { readonly msgvan: 'failed'; readonly code: string; readonly message: string }

/** A host that was started listens; or another process has the port, which the caller has to look at. */
export type StartOutcome = { readonly started: true; readonly pid: number } | { readonly started: false }

/** The host's own output file is begun anew over this. */
const MOST_OUTPUT = 1024 * 1024

/**
 * Starts a host that stays when this process ends, and resolves when it listens.
 *
 * @throws HostUnreachableError with what it said last, if it could not start
 * @throws NotInstalledError in a bundle without the installed package
 */
export async function startHost(options: StartOptions): Promise<StartOutcome> {
  const { port, paths, timeout = 30_000 } = options
  const main = programFile('cli/main.js')
  await ensureHome(paths.home)
  const output = openOutput(paths.output(port))
  let report: StartReport
  try {
    const command = [process.execPath, main, 'host', '--report', String(REPORT_FD), ...flags(options)]
    const launched = await launch(command, { cwd: '/', env: hostEnvironment(options), output: output.file })
    report = await reportOf(launched, timeout)
  } catch (error) {
    report = unreported(describe(error))
  } finally {
    closeSync(output.file)
  }

  if (report.msgvan === 'listening') return { started: true, pid: report.pid }
  if (report.code === 'MSGVAN_PORT_TAKEN') return { started: false }
  const said = output.tail()
  throw new HostUnreachableError(
    `This machine's host could not be started on port ${port}: ${report.message.replace(/\.$/, '')}.${said === '' ? '' : ` It said: ${said}`} ` +
      `Try \`msgvan host --port ${port}\` to see it start. Its output is in ${paths.output(port)}.`,
  )
}

/** The first that happens: it reports, it ends, or the time is over (then it is ended). */
async function reportOf(launched: Launched, timeout: number): Promise<StartReport> {
  const late = new AbortController()
  const timer = setTimeout(() => {
    late.abort()
    launched.kill()
    launched.leave()
  }, timeout)
  try {
    for await (const line of launched.lines) {
      const report = reportIn(line)
      if (report !== undefined) return report
    }
  } catch (error) {
    // A pipe that is left before its end fails.
    if (!late.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
    launched.leave()
  }
  return unreported(
    late.signal.aborted ? `it did not listen within ${timeout / 1000} s` : 'it ended before it listened',
  )
}

function unreported(message: string): StartReport {
  return { msgvan: 'failed', code: 'MSGVAN_HOST_UNREACHABLE', message }
}

function flags(options: StartOptions): string[] {
  const { port, verbose, listen, idle, sessionTtl, heartbeat, maxPayload, origins, roots, store } = options
  const { retainAge, retainBytes, storeFloor, watch, leader, join, tlsCert, tlsKey, tlsCa } = options
  const { auto, fresh, takesOver } = options
  const given = ['--port', String(port)]
  if (verbose === true) given.push('--verbose')
  if (watch === true) given.push('--watch')
  if (listen !== undefined) given.push('--listen', listen)
  if (auto === true) given.push('--auto')
  if (fresh === true) given.push('--fresh')
  if (takesOver === true) given.push('--take-over')
  if (idle !== undefined) given.push('--idle', idle)
  if (sessionTtl !== undefined) given.push('--session-ttl', sessionTtl)
  if (heartbeat !== undefined) given.push('--heartbeat', heartbeat)
  if (maxPayload !== undefined) given.push('--max-payload', maxPayload)
  if (origins !== undefined) given.push('--origin', ...origins)
  if (retainAge !== undefined) given.push('--retain-age', retainAge)
  if (retainBytes !== undefined) given.push('--retain-bytes', retainBytes)
  if (storeFloor !== undefined) given.push('--store-floor', storeFloor)
  if (leader === true) given.push('--leader')
  if (join !== undefined) given.push('--join', join)
  // Made absolute here: the host runs in another directory.
  if (store !== undefined) given.push('--store', resolve(store))
  if (tlsCert !== undefined) given.push('--tls-cert', resolve(tlsCert))
  if (tlsKey !== undefined) given.push('--tls-key', resolve(tlsKey))
  if (tlsCa !== undefined) given.push('--tls-ca', resolve(tlsCa))
  if (roots !== undefined) given.push('--root', ...roots.map(root => resolve(root)))
  return given
}

/**
 * The host outlives this process and may run handlers for others: it gets the environment without what was meant for
 * this process alone (a debugger's port, a cluster's or a parent's channel, npm's variables). A token goes by the
 * environment, since everybody can see a command line.
 */
function hostEnvironment({ paths, token, capabilities }: StartOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (
      !/^(NODE_(OPTIONS|CHANNEL_.*|UNIQUE_ID|V8_COVERAGE|TEST_CONTEXT|INSPECT.*)|VSCODE_INSPECTOR_OPTIONS|npm_.*|INIT_CWD)$/.test(
        name,
      )
    ) {
      env[name] = value
    }
  }
  env['MSGVAN_HOME'] = paths.home
  // It runs in another directory.
  if (env['MSGVAN_STORE']) env['MSGVAN_STORE'] = resolve(env['MSGVAN_STORE'])
  if (token !== undefined) env['MSGVAN_TOKEN'] = token
  if (capabilities !== undefined) env['MSGVAN_CAPABILITIES'] = JSON.stringify(capabilities)
  return env
}

function openOutput(path: string): { file: number; tail(): string } {
  const file = openSync(path, 'a', 0o600)
  if (fstatSync(file).size > MOST_OUTPUT) ftruncateSync(file)
  const before = fstatSync(file).size
  return {
    file,
    tail: () => {
      const lines = readFileSync(path).subarray(before).toString('utf8').trim().split('\n')
      return lines.slice(-3).join(' ').slice(-500)
    },
  }
}

function reportIn(line: string): StartReport | undefined {
  let report: unknown
  try {
    report = JSON.parse(line)
  } catch {
    return undefined
  }
  return isReport(report) ? report : undefined
}

function isReport(message: unknown): message is StartReport {
  if (typeof message !== 'object' || message === null || !('msgvan' in message)) return false
  if (message.msgvan === 'listening') return 'pid' in message && typeof message.pid === 'number'
  return (
    'code' in message &&
    typeof message.code === 'string' &&
    'message' in message &&
    typeof message.message === 'string'
  )
}
