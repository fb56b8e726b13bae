import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** A process of a bench's own that answers questions; `serve` is its other half. */
export class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0

  /** @param file relative to dist/bench/ */
  constructor(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = process.env) {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    this.#process = fork(path, args, { env, execArgv: profiled(file) })
    this.#process.on('message', answer => this.#settle(answer as Answer))
    this.#process.on('exit', code => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${file} ended with ${code ?? 'a signal'}`))
      this.#waiting.clear()
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** @typeParam T what `serve` of that file answers */
  ask<T>(question: string, argument?: unknown): Promise<T> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: value => resolve(value as T), reject })
      this.#process.send({ id, question, argument })
    })
  }

  /** Its channel closed, it ends; one that does not is ended. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = once(this.#process, 'exit')
    const impatient = setTimeout(() => this.#process.kill('SIGKILL'), 3_000)
    if (this.#process.connected) this.#process.disconnect()
    await gone
    clearTimeout(impatient)
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  }
}

/** `BENCH_PROFILE=publisher` has every child whose file holds that text in its name, or the host, leave a profile in the working directory. */
export function profiled(file: string): string[] {
  const wanted = process.env['BENCH_PROFILE']
  return wanted !== undefined && file.includes(wanted) ? ['--cpu-prof'] : []
}

type Answers = Readonly<Record<string, (argument: never) => unknown>>

/** Answers the parent's questions until its channel closes; with the parent gone nothing stays behind. */
export function serve(answers: Answers, end: () => unknown = () => undefined): void {
  process.on('message', (asked: { id: number; question: string; argument: unknown }) => {
    void answer(answers, asked).then(reply => process.send?.(reply))
  })
  process.on('disconnect', () => {
    void Promise.resolve(end()).finally(() => process.exit())
  })
}

async function answer(
  answers: Answers,
  { id, question, argument }: { id: number; question: string; argument: unknown },
): Promise<Answer> {
  try {
    const reply = answers[question]
    if (reply === undefined) throw new Error(`nobody answers ${question}`)
    return { id, value: await reply(argument as never) }
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
