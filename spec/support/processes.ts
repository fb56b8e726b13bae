import { spawn, type ChildProcess } from 'node:child_process'

/** How long a process may take to do what a spec waits for: long, since machines are slow; the spec's own limit comes first. */
const PATIENCE_MS = 30_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running process, with what it has written so far. */
export class Started {
  readonly child: ChildProcess
  /** Resolves when the process has ended and all its output is read. */
  readonly ended: Promise<Ended>
  #stdout = ''
  #stderr = ''
  #looking = new Set<() => void>()

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      this.#look()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      this.#look()
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
        this.#look()
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Whole lines of standard output so far. */
  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1)
  }

  /** Resolves with the match as soon as the output (either) shows it. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(
      () => pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr) ?? undefined,
      String(pattern),
    )
  }

  /** Resolves when so many lines have come on standard output. */
  async hasLines(count: number): Promise<string[]> {
    return this.until(() => (this.lines.length >= count ? this.lines : undefined), `${count} lines`)
  }

  async until<T>(look: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#looking.delete(check)
      }
      const fail = (why: string): void => {
        done()
        reject(new Error(`waited for ${what}: ${why}\nstdout: ${this.#stdout}\nstderr: ${this.#stderr}`))
      }
      const check = (): void => {
        const found = look()
        if (found !== undefined) {
          done()
          resolve(found)
        } else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          // Output may still be on its way when the process has ended; after `close` it is not.
          void this.ended.then(() => {
            const late = look()
            if (late === undefined)
              fail(`the process ended (${this.child.exitCode ?? this.child.signalCode ?? '?'})`)
            else {
              done()
              resolve(late)
            }
          })
        }
      }
      const timer = setTimeout(() => fail('too long'), PATIENCE_MS)
      this.#looking.add(check)
      check()
    })
  }

  write(text: string): void {
    this.child.stdin?.write(text)
  }

  /** The end of its standard input. */
  end(text = ''): void {
    this.child.stdin?.end(text)
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }

  #look(): void {
    for (const check of [...this.#looking]) check()
  }
}

/** The processes of one spec: none outlives it. */
export class Processes {
  readonly #started = new Set<Started>()

  start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Started {
    const started = new Started(spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }))
    started.child.stdin?.on('error', () => undefined) // it may end before it has read all
    this.#started.add(started)
    started.ended.catch(() => undefined)
    return started
  }

  async killAll(): Promise<void> {
    const all = [...this.#started]
    this.#started.clear()
    await Promise.all(
      all.map(started => {
        // Frozen processes take SIGKILL too.
        started.child.kill('SIGKILL')
        // A detached host may hold the pipes of the process that started it.
        started.child.stdout?.destroy()
        started.child.stderr?.destroy()
        return started.ended.catch(() => undefined)
      }),
    )
  }
}
