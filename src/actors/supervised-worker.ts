import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import type { HandlerStatus } from '../bus/contract/status.js'
import { programFile } from '../program-file.js'
import { describe, HandlerModuleError } from '../errors.js'
import { backoff } from '../operators/backoff.js'
import type { FromWorker, HandlerTask, ToWorker } from './worker-messages.js'

/** A worker that ran this long before a crash begins again with the shortest wait. */
const STABLE_AFTER = 60_000

/** Milliseconds that a module may take to load. */
const LOAD_TIMEOUT = 30_000

/** Milliseconds that a stopped worker may take for its message in hand. */
const STOP_TIMEOUT = 10_000

export interface WorkerEvents {
  /** The handler printed a line. */
  line(stream: 'out' | 'err', text: string): void
  /** It crashed, and is started again after `delay` milliseconds. */
  crashed(reason: string, delay: number): void
  /** Its bus reported an error. */
  error(code: string, message: string): void
  /** This thread's session will not come back. */
  gone(clientId: string): void
}

/** A handler in a worker thread: loaded, run, and started again when it crashes, until it is stopped. */
export class SupervisedWorker {
  readonly #task: () => HandlerTask
  readonly #events: WorkerEvents
  readonly #delay = backoff({ initial: 100, max: 30_000 })
  #worker: Worker | undefined
  #state: HandlerStatus['state'] = 'starting'
  #isLoaded = false
  #restarts = 0
  #crashesInARow = 0
  #startedAt = 0
  #restartTimer: NodeJS.Timeout | undefined
  #running: () => void = () => undefined

  /**
   * @param task made anew for each start, with a fresh client id
   */
  constructor(task: () => HandlerTask, events: WorkerEvents) {
    this.#task = task
    this.#events = events
  }

  get state(): HandlerStatus['state'] {
    return this.#state
  }

  get restarts(): number {
    return this.#restarts
  }

  /**
   * Loads the module and finds the export.
   *
   * @throws HandlerModuleError
   */
  async load(): Promise<void> {
    const task = this.#task()
    const worker = this.#start(task)
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        const seconds = LOAD_TIMEOUT / 1000
        reject(
          new HandlerModuleError(
            `${task.module} did not load within ${seconds} s: its top level waits for something.`,
          ),
        )
      }, LOAD_TIMEOUT)
      worker.once('message', (words: FromWorker) => {
        if (words.kind === 'loaded') resolve()
        else
          reject(new HandlerModuleError(words.kind === 'failed' ? words.message : 'The worker did not load.'))
      })
      worker.once('error', error =>
        reject(new HandlerModuleError(`${task.module} failed to load: ${describe(error)}`)),
      )
      worker.once('exit', () =>
        reject(new HandlerModuleError(`${task.module} ended its thread while it was loaded.`)),
      )
    })
      .catch(async (error: unknown) => {
        this.#state = 'stopped'
        await worker.terminate()
        throw error
      })
      .finally(() => clearTimeout(timer))
    this.#isLoaded = true
    this.#supervise(worker, task.clientId)
  }

  /** Starts consuming. Resolves when its subscription is in force, however many starts that takes. */
  run(): Promise<void> {
    return new Promise(resolve => {
      this.#running = resolve
      this.#go()
    })
  }

  /** Lets it finish its message in hand, and ends it after ten seconds. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    clearTimeout(this.#restartTimer)
    const worker = this.#worker
    if (worker === undefined) return
    if (!this.#isLoaded) {
      await worker.terminate()
      return
    }
    await new Promise<void>(resolve => {
      const timer = setTimeout(() => {
        void worker.terminate()
      }, STOP_TIMEOUT)
      worker.once('exit', () => {
        clearTimeout(timer)
        resolve()
      })
      worker.postMessage({ kind: 'stop' } satisfies ToWorker)
    })
  }

  #start(task: HandlerTask): Worker {
    const worker = new Worker(programFile('actors/handler-worker.js'), {
      workerData: task,
      // If the module makes a bus for itself, that is in this host, whatever its port is.
      env: { ...process.env, MSGVAN_PORT: new URL(task.url).port },
      stdout: true,
      stderr: true,
      name: `msgvan handler ${task.name}`,
    })
    createInterface({ input: worker.stdout }).on('line', text => this.#events.line('out', text))
    createInterface({ input: worker.stderr }).on('line', text => this.#events.line('err', text))
    this.#worker = worker
    this.#startedAt = performance.now()
    return worker
  }

  #supervise(worker: Worker, clientId: string): void {
    let reason = 'it ended its own thread'
    worker.on('message', (words: FromWorker) => {
      if (words.kind === 'running') {
        this.#state = 'running'
        this.#running()
      } else if (words.kind === 'error') this.#events.error(words.code, words.message)
      else if (words.kind === 'failed') reason = words.message
    })
    worker.on('error', error => {
      reason = describe(error)
    })
    worker.once('exit', () => {
      this.#worker = undefined
      this.#events.gone(clientId)
      if (this.#state !== 'stopped') this.#restart(reason)
    })
  }

  #restart(reason: string): void {
    if (performance.now() - this.#startedAt > STABLE_AFTER) this.#crashesInARow = 0
    this.#crashesInARow += 1
    this.#state = 'restarting'
    const delay = this.#delay(undefined, this.#crashesInARow)
    this.#events.crashed(reason, delay)
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1
      const task = this.#task()
      this.#supervise(this.#start(task), task.clientId)
      this.#go()
    }, delay)
  }

  #go(): void {
    this.#worker?.postMessage({ kind: 'go' } satisfies ToWorker)
  }
}
