import { ActorRun } from '../../src/workers/actor-run.js'
import type { OpenIsolate } from '../../src/workers/isolate.js'
import type { FromWorker, WorkerTask } from '../../src/workers/worker-messages.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { describe } from '../../src/errors.js'
import { Actors } from '../../src/host/actors/actors.js'
import type { Registrations } from '../../src/host/handlers/registrations.js'
import type { SessionManager } from '../../src/host/session/session-manager.js'
import type { HostStore } from '../../src/host/store/host-store.js'
import { keeping, keptRegistrations, openKept } from '../../src/host/store/kept-registrations.js'
import type { Message } from '../../src/index.js'
import { secret, type Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

/** What an actor's worker does, wherever it runs. */
export interface Acted {
  /** Before it takes messages. @returns never settles: it hangs; rejects: it failed */
  setUp(): Promise<void>
  /** @param crash ends the worker at once */
  receive(message: Message<number>, crash: () => void): Promise<void>
}

export interface SimActorsOptions {
  readonly url: string
  readonly process: VirtualProcess
  /** They are made before it. */
  readonly sessions: () => SessionManager
  readonly store: HostStore | undefined
  readonly spawn: (name: string) => VirtualProcess
  readonly warn: (text: string) => void
  readonly acted: Acted
}

/** The actors of one run of a host: real but for their workers, each of which is a virtual process. */
export class SimActors {
  readonly #stage: Stage
  readonly #options: SimActorsOptions
  readonly here: Actors
  readonly #workers = new Set<VirtualProcess>()

  constructor(stage: Stage, options: SimActorsOptions) {
    const { url, sessions, store, warn } = options
    this.#stage = stage
    this.#options = options
    const log = { error: warn, warning: warn, info: () => undefined, debug: () => undefined }
    const host = {
      log,
      warn,
      line: () => undefined,
      broker: (van: string) => sessions().broker(van),
      replace: (van: string, request: Parameters<SessionManager['replace']>[1]) =>
        sessions().replace(van, request),
      connection: { url, secret },
      endSession: (client: string) => sessions().endSession(client),
      capabilities: () => ({}),
      openIsolate: this.#open,
      ...keeping(() => store),
    }
    this.here = new Actors(host, { resolve: module => Promise.resolve(module) })
  }

  /** What a next process is told of them. */
  get registered(): Registrations {
    return { subscriptions: [], handlers: [], actors: this.here.registered() }
  }

  /**
   * Those of the host before, before anybody is let in.
   *
   * @param before of a host in memory, which has handed over
   */
  restore(before: Registrations | undefined): void {
    const { store, sessions, warn } = this.#options
    const kept = store === undefined ? before : keptRegistrations(store, undefined)
    if (kept === undefined) return
    openKept(sessions(), kept, warn)
    for (const actor of kept.actors)
      this.here.restore(actor).catch((error: unknown) => warn(`an actor did not start: ${describe(error)}`))
  }

  stop(): Promise<void> {
    return this.here.stopAll()
  }

  /** Threads end with their process. */
  die(): void {
    for (const worker of this.#workers) this.#end(worker)
  }

  #end(worker: VirtualProcess): boolean {
    if (!this.#workers.delete(worker)) return false
    worker.isDead = true
    this.#stage.network.died(worker)
    return true
  }

  readonly #open: OpenIsolate = (_, task, listener) => {
    const { clock } = this.#stage
    const { process: host, spawn } = this.#options
    const worker = spawn('actor')
    this.#workers.add(worker)
    const toHost = (run: () => void): void => void clock.schedule(1, run, host)
    const end = (reason: string): void => {
      if (this.#end(worker)) toHost(() => listener.ended(reason))
    }
    const say = (words: FromWorker): void => toHost(() => listener.message(words))
    let run: ActorRun | undefined
    const toWorker = (work: () => void): void => void clock.schedule(1, work, worker)
    toWorker(() => {
      run = this.#load(task, worker, say)
    })
    return {
      send: words =>
        toWorker(() => {
          if (words.kind === 'go') void this.#begin(run, say, end)
          else if (words.kind === 'stop') void run?.end().finally(() => end('it ended'))
          else if (words.kind === 'subscriptions')
            void run?.subscribe(words.subscriptions).finally(() => say({ kind: 'subscribed' }))
        }),
      terminate: () => toWorker(() => end('it was terminated')),
    }
  }

  #load(task: WorkerTask, worker: VirtualProcess, say: (words: FromWorker) => void): ActorRun | undefined {
    if (task.kind !== 'actor') return undefined
    const { van, url, clientId: id, clientKey: key } = task
    const broker = new RemoteBroker({
      ...{ url, van, client: { id, key }, readyTimeout: 30_000, isEndedByHost: true, pid: worker.pid },
      dial: this.#stage.network.dialFrom(worker),
      secret: () => Promise.resolve({ secret }),
      backoff: { initial: 20, max: 200 },
    })
    say({ kind: 'loaded' })
    return new ActorRun(task, broker, say)
  }

  async #begin(
    run: ActorRun | undefined,
    say: (words: FromWorker) => void,
    end: (reason: string) => void,
  ): Promise<void> {
    const { acted } = this.#options
    try {
      await run?.begin({
        setup: () => acted.setUp(),
        receive: message => acted.receive(message as Message<number>, () => end('it crashed')),
      })
      say({ kind: 'running' })
    } catch (error) {
      say({ kind: 'failed', message: describe(error) })
      end('it failed')
    }
  }
}
