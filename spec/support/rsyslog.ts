import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { searchPath } from './requirement.js'

/** One line as rsyslog understood it, and as it came. */
export interface SyslogEntry {
  readonly tag: string
  readonly program: string
  readonly pid: string
  readonly severity: string
  readonly facility: string
  readonly host: string
  readonly text: string
  readonly raw: string
}

/**
 * A real rsyslogd with a configuration of its own in a temporary directory. It reads from a socket there and touches
 * nothing of the system's. `stop()` and `start()` as often as you like; `remove()` at the end.
 */
export class Rsyslog {
  readonly #directory = mkdtempSync(join(tmpdir(), 'msgvan-syslog-'))
  /** Takes the place of /dev/log. It is set up as imuxsock's system socket, so it is parsed as that one is. */
  readonly socket = join(this.#directory, 'log')
  readonly #traditional = join(this.#directory, 'traditional')
  readonly #fields = join(this.#directory, 'fields')
  #process: ChildProcess | undefined

  constructor() {
    const fields = [
      'syslogtag',
      'programname',
      'procid',
      'syslogseverity-text',
      'syslogfacility-text',
      'hostname',
      'msg',
      'rawmsg',
    ]
    writeFileSync(
      this.#path('conf'),
      [
        `global(workDirectory="${this.#directory}")`,
        `module(load="imuxsock" SysSock.Name="${this.socket}")`,
        `template(name="fields" type="string" string="${fields.map(field => `%${field}%`).join('\x1f')}\\n")`,
        `action(type="omfile" file="${this.#traditional}" template="RSYSLOG_TraditionalFileFormat")`,
        `action(type="omfile" file="${this.#fields}" template="fields")`,
        '',
      ].join('\n'),
    )
  }

  async start(): Promise<void> {
    rmSync(this.socket, { force: true })
    const child = spawn('rsyslogd', ['-n', '-f', this.#path('conf'), '-i', this.#path('pid')], {
      env: { PATH: searchPath() },
      stdio: 'ignore',
    })
    this.#process = child
    await until(() => existsSync(this.socket) || child.exitCode !== null, 'rsyslogd listens')
    if (child.exitCode !== null) throw new Error(`rsyslogd ended with ${child.exitCode}`)
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child?.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill()
    await gone
  }

  /** Stops it in its tracks: the socket stays, fills up, and takes nothing more. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  async remove(): Promise<void> {
    this.thaw()
    await this.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** The lines of RSYSLOG_TraditionalFileFormat, what most systems have in /var/log. */
  traditional(): string[] {
    return linesOf(this.#traditional)
  }

  entries(): SyslogEntry[] {
    return linesOf(this.#fields).map(line => {
      const [tag = '', program = '', pid = '', severity = '', facility = '', host = '', text = '', raw = ''] =
        line.split('\x1f')
      return { tag, program, pid, severity, facility, host, text: text.trimStart(), raw }
    })
  }

  async entry(part: string): Promise<SyslogEntry> {
    const find = () => this.entries().find(({ text }) => text.includes(part))
    await until(() => find() !== undefined, `rsyslog wrote ${part}`)
    const found = find()
    if (found === undefined) throw new Error(`rsyslog lost ${part}`)
    return found
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }
}

/** Another process's file is the only signal there is: looks every 10 ms, for at most ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}
