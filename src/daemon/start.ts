import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, HostUnreachableError } from '../errors.js'
import { settingsByKey, type HostFlags } from '../host/process/settings-table.js'
import { launch, REPORT_FD, type Launched } from './launch.js'
import { programFile } from '../program-file.js'
import { ensureHome, type StatePaths } from '../state/paths.js'

/** The settings of a background host. Missing ones come from the environment and the previous host, as for any host. */
export interface StartOptions extends Omit<HostFlags, 'port' | 'capabilities'> {
  readonly port: number
  readonly paths: StatePaths
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** Ignores the settings of the previous host. */
  readonly fresh?: boolean | undefined
  /** First takes over the memory of the present host. */
  readonly takesOver?: boolean | undefined
  /** The longest wait until it listens, in milliseconds. Default 30,000. */
  readonly timeout?: number
}

/** The report of a starting host to the process that started it. */
export type StartReport =
  | { readonly msgvan: 'listening'; readonly pid: number }
  | { readonly msgvan: 'failed'; readonly code: string; readonly message: string }

/** The started host listens; or another process has the port, and the caller has to check it. */
export type StartOutcome = { readonly started: true; readonly pid: number } | { readonly started: false }

/** Over this size the host's own output file is begun anew. */
const MOST_OUTPUT = 1024 * 1024

/**
 * Starts a host that stays when this process ends, and resolves when it listens.
 *
 * @throws HostUnreachableError with its last output, if it could not start
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
  const lastOutput = output.tail()
  throw new HostUnreachableError(
    `This machine's host could not be started on port ${port}: ${report.message.replace(/\.$/, '')}.${lastOutput === '' ? '' : ` Its output: ${lastOutput}`} ` +
      `Try \`msgvan host --port ${port}\` to see it start. Its output is in ${paths.output(port)}.`,
  )
}

/** The first event: it reports, it ends, or the time is over (then this ends it). */
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
    // Leaving a pipe before its end fails.
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
  // Capabilities go through the environment.
  const all: HostFlags = { ...options, port: String(options.port), capabilities: undefined }
  const settings = settingsByKey.flatMap(([key, { flag, byEnvironment, isPath }]) => {
    const value = all[key]
    if (value === undefined || value === false || byEnvironment === true) return []
    if (value === true) return [flag]
    // Made absolute here, because the host runs in another directory.
    const texts = (typeof value === 'string' ? [value] : value).map(text => (isPath ? resolve(text) : text))
    return texts.length === 0 ? [] : [flag, ...texts]
  })
  const { auto, fresh, takesOver } = options
  return [
    ...settings,
    ...(auto === true ? ['--auto'] : []),
    ...(fresh === true ? ['--fresh'] : []),
    ...(takesOver === true ? ['--take-over'] : []),
  ]
}

/**
 * The host outlives this process and may run handlers for others. It gets the environment without the variables for
 * this process alone (a debugger's port, a cluster's or a parent's channel, npm's variables). A token goes through the
 * environment, since every user can see a command line.
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
