import type { HandlerStatus } from '../bus/contract/status.js'
import { HandlerModuleError } from '../errors.js'
import { backoff } from '../operators/backoff.js'
import { openIsolate, type Isolate } from './isolate.js'
import type { Confinement } from './worker-environment.js'
import type { FromWorker, HandlerTask } from './worker-messages.js'

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
  /** This worker's session will not come back. */
  gone(clientId: string): void
}

interface Loading {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A handler in its isolate: loaded, run, and started again when it crashes, until it is stopped. */
export class SupervisedWorker {
  readonly #confinement: Confinement
  readonly #task: () => HandlerTask
  readonly #events: WorkerEvents
  readonly #delay = backoff({ initial: 100, max: 30_000 })
  #isolate: Isolate | undefined
  #state: HandlerStatus['state'] = 'starting'
  #loading: Loading | undefined
  #isLoaded = false
  #restarts = 0
  #crashesInARow = 0
  #startedAt = 0
  #restartTimer: NodeJS.Timeout | undefined
  #running: () => void = () => undefined
  readonly #onEnded: (() => void)[] = []

  /** @param task made anew for each start, with a fresh client id */
  constructor(confinement: Confinement, task: () => HandlerTask, events: WorkerEvents) {
    this.#confinement = confinement
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
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#loading = { resolve, reject }
        timer = setTimeout(() => reject(lateToLoad(task)), LOAD_TIMEOUT)
        this.#open(task)
      })
    } catch (error) {
      await this.#terminate()
      throw error
    } finally {
      clearTimeout(timer)
      this.#loading = undefined
    }
    this.#isLoaded = true
  }

  /** Starts consuming. Resolves when its subscription is in force, however many starts that takes. */
  run(): Promise<void> {
    return new Promise(resolve => {
      this.#running = resolve
      this.#isolate?.send({ kind: 'go' })
    })
  }

  /** Lets it finish its message in hand, and ends it after ten seconds. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    clearTimeout(this.#restartTimer)
    const isolate = this.#isolate
    if (isolate === undefined) return
    if (!this.#isLoaded) return this.#terminate()
    const timer = setTimeout(() => isolate.terminate(), STOP_TIMEOUT)
    isolate.send({ kind: 'stop' })
    await this.#ended()
    clearTimeout(timer)
  }

  async #terminate(): Promise<void> {
    this.#state = 'stopped'
    this.#isolate?.terminate()
    await this.#ended()
  }

  /** Resolves when its isolate has ended. */
  #ended(): Promise<void> {
    if (this.#isolate === undefined) return Promise.resolve()
    return new Promise(resolve => this.#onEnded.push(resolve))
  }

  #open(task: HandlerTask): void {
    let lastWords: string | undefined
    this.#startedAt = performance.now()
    this.#isolate = openIsolate(this.#confinement, task, {
      line: (stream, text) => this.#events.line(stream, text),
      message: words => {
        if (words.kind === 'failed') lastWords = words.message
        this.#heard(words)
      },
      ended: reason => this.#hasEnded(lastWords ?? reason, task),
    })
  }

  #heard(words: FromWorker): void {
    switch (words.kind) {
      case 'loaded':
        return this.#loading?.resolve()
      case 'failed':
        return this.#loading?.reject(new HandlerModuleError(words.message))
      case 'running':
        if (this.#state !== 'stopped') this.#state = 'running'
        return this.#running()
      case 'error':
        return this.#events.error(words.code, words.message)
    }
  }

  #hasEnded(reason: string, { module, clientId }: HandlerTask): void {
    this.#isolate = undefined
    for (const tell of this.#onEnded.splice(0)) tell()
    this.#loading?.reject(new HandlerModuleError(`${module} failed to load: ${reason}.`))
    if (!this.#isLoaded) return
    this.#events.gone(clientId)
    if (this.#state !== 'stopped') this.#restart(reason)
  }

  #restart(reason: string): void {
    if (performance.now() - this.#startedAt > STABLE_AFTER) this.#crashesInARow = 0
    this.#crashesInARow += 1
    this.#state = 'restarting'
    const delay = this.#delay(undefined, this.#crashesInARow)
    this.#events.crashed(reason, delay)
    this.#restartTimer = setTimeout(() => {
      this.#restarts += 1
      this.#open(this.#task())
      this.#isolate?.send({ kind: 'go' })
    }, delay)
  }
}

function lateToLoad({ module }: HandlerTask): HandlerModuleError {
  const seconds = LOAD_TIMEOUT / 1000
  return new HandlerModuleError(
    `${module} did not load within ${seconds} s: its top level waits for something.`,
  )
}
