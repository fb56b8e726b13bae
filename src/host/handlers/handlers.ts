import { newWorkerClient } from '../../workers/worker-client.js'
import { SupervisedWorker } from '../../workers/supervised-worker.js'
import { confine, type WorkerLimits } from '../../workers/worker-environment.js'
import type { HandlerTask } from '../../workers/worker-messages.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Isolation } from '../../bus/contract/actors.js'
import type { HandlerStatus } from '../../bus/contract/status.js'
import { ClosedError, NameTakenError } from '../../errors.js'
import { consumedOf } from '../actors/actor-subscriptions.js'
import type { ModuleRoots } from './module-roots.js'
import { OneAtATime } from './one-at-a-time.js'

/** A client's request for a handler. */
export interface HandlerRequest {
  readonly van: string
  readonly name: string
  readonly module: string
  readonly export: string
  readonly request: SubscriptionRequest
  /** The requested isolation. Default: a thread. Callers who are not this machine's user get a process. */
  readonly isolation?: Isolation | undefined
  /** The client proved to be this machine's user, who may name any module. */
  readonly callerIsLocalUser: boolean
  /** The caller is a handler of this very host. */
  readonly callerIsHandler: boolean
}

/** The host, as handlers use it. */
export interface HandlerHost {
  /**
   * Registers the subscription of a handler, and replaces the one of that name in the whole van.
   *
   * @returns since when it has the name, if that is known
   * @throws NameTakenError if another one got it since this one had it
   */
  replace(van: string, request: SubscriptionRequest & { readonly name: string }): Promise<number | undefined>
  /** The connection of a worker to this host, like any other client's. */
  readonly connection: {
    readonly url: string
    readonly socket?: string | undefined
    readonly secret: Uint8Array
  }
  /** Default: 1 GiB of heap each. */
  readonly workerLimits?: WorkerLimits
  /** Called before so many more workers start. Default: there is no limit. @throws LimitError */
  checkWorkers?(more: number): void
  /** Whether this host has a principal of that name. Default: it has no principals. */
  knowsPrincipal?(name: string): boolean
  /** A worker died: its session ends now, like that of a dead process. */
  endSession(clientId: string): void
  /** Keeps a registration beyond the host's life; undefined: its end. Default: none. */
  keep?(van: string, name: string, wanted: HandlerRequest | undefined): Promise<void>
  /** The set of running modules has changed. */
  modulesChanged?(): void
  line(name: string, stream: 'out' | 'err', text: string): void
  warn(text: string): void
}

interface Handler {
  readonly wanted: HandlerRequest
  readonly worker: SupervisedWorker
  readonly module: string
  readonly export: string
}

/** The handlers of a host, by van and name. A handler is a consumer of the named subscription of the same name. */
export class Handlers {
  readonly #host: HandlerHost
  readonly #roots: Pick<ModuleRoots, 'resolve'>
  readonly #handlers = new Map<string, Handler>()
  /** One change of a name at a time: two registrations at once must not leave two workers. */
  readonly #changes = new OneAtATime()
  /** Handlers whose modules are loading. */
  readonly #loading = new Map<string, Handler>()
  /** Handlers of the previous host that have not started again yet. */
  readonly #restoring = new Map<string, HandlerRequest>()
  #stopping = false

  constructor(host: HandlerHost, roots: Pick<ModuleRoots, 'resolve'>) {
    this.#host = host
    this.#roots = roots
  }

  get size(): number {
    return this.#handlers.size
  }

  /** The number of workers, with those that are starting. */
  get load(): number {
    return this.#handlers.size + this.#loading.size
  }

  /**
   * Replaces the name's registration once the module has loaded: a handler that cannot start takes nothing down.
   * Pending messages stay if the pattern is the same.
   *
   * @throws HandlerModuleError, InvalidPatternError
   */
  async register(wanted: HandlerRequest): Promise<void> {
    if (await this.#registersItself(wanted)) return
    await this.#changes.do(keyOf(wanted), async () => {
      const module = await this.#roots.resolve(wanted.module, wanted.callerIsLocalUser)
      if (!this.#handlers.has(keyOf(wanted))) this.#host.checkWorkers?.(1)
      const worker = this.#workerFor(wanted, module)
      await this.#load(wanted, { wanted, worker, module, export: wanted.export })
      let servedSince: number | undefined
      try {
        // A refusal, here or by the host of the name, leaves the running handler as it was.
        servedSince = await this.#host.replace(wanted.van, { ...wanted.request, name: wanted.name })
      } catch (error) {
        await worker.stop()
        throw error
      }
      // After a restart it continues at its place.
      const goingOn = { ...wanted, request: { ...wanted.request, from: undefined, servedSince } }
      const handler = { wanted: goingOn, worker, module, export: wanted.export }
      await this.#handlers.get(keyOf(wanted))?.worker.stop()
      this.#handlers.set(keyOf(wanted), handler)
      this.#host.modulesChanged?.()
      await this.#host.keep?.(wanted.van, wanted.name, { ...goingOn, module })
      await worker.run()
    })
  }

  /**
   * Starts a handler of the previous host again. Until then the next host would start it, too.
   *
   * @throws as `register`
   */
  async restore(wanted: HandlerRequest): Promise<void> {
    const key = keyOf(wanted)
    this.#restoring.set(key, wanted)
    try {
      await this.register(wanted)
    } catch (error) {
      // This host ends, and leaves it to the next one.
      if (!this.#stopping) this.#restoring.delete(key)
      if (error instanceof NameTakenError) await this.#host.keep?.(wanted.van, wanted.name, undefined)
      throw error
    }
    this.#restoring.delete(key)
  }

  /** The host with the names was away: it may have given some to others. */
  reclaim(): void {
    for (const [key, { wanted }] of this.#handlers) {
      const { van, name, request } = wanted
      if (request.servedSince === undefined) continue
      this.#host
        .replace(van, { ...request, name })
        .catch((error: unknown) => {
          if (!(error instanceof NameTakenError) || this.#handlers.get(key)?.wanted !== wanted) return
          this.#host.warn(`handler ${name} ends: ${error.message}`)
          return this.unregister(van, name)
        })
        .catch(() => undefined)
    }
  }

  /** Stops it; the broker removes the named subscription. Resolves with false when it does not exist. */
  unregister(van: string, name: string): Promise<boolean> {
    return this.#changes.do(keyOf({ van, name }), async () => {
      const handler = this.#handlers.get(keyOf({ van, name }))
      this.#handlers.delete(keyOf({ van, name }))
      this.#host.modulesChanged?.()
      await handler?.worker.stop()
      await this.#host.keep?.(van, name, undefined)
      return handler !== undefined
    })
  }

  all(van: string): Record<string, HandlerStatus> {
    const statuses: [string, HandlerStatus][] = []
    for (const [key, { module, worker, export: exported }] of this.#handlers) {
      const [itsVan, name] = JSON.parse(key) as [string, string]
      if (itsVan !== van) continue
      statuses.push([name, { module, export: exported, state: worker.state, restarts: worker.restarts }])
    }
    return Object.fromEntries(statuses)
  }

  registered(): HandlerRequest[] {
    const running = [...this.#handlers].map(([key, { wanted }]) => [key, wanted] as const)
    return [...new Map([...this.#restoring, ...running]).values()]
  }

  /** `file:` URLs of the running handlers. */
  get modules(): string[] {
    return [...this.#handlers.values()].map(({ module }) => module)
  }

  /** Restarts the handlers of a changed module. If it does not load, the old code runs on. */
  async reload(module: string): Promise<void> {
    const changed = [...this.#handlers.values()].filter(handler => handler.module === module)
    await Promise.all(changed.map(({ wanted }) => this.register({ ...wanted, callerIsHandler: false })))
  }

  async stopAll(): Promise<void> {
    this.#stopping = true
    await Promise.allSettled([...this.#loading.values()].map(({ worker }) => worker.stop()))
    await this.#changes.allOver()
    await Promise.allSettled([...this.#handlers.values()].map(({ worker }) => worker.stop()))
    this.#handlers.clear()
  }

  async #load(wanted: HandlerRequest, handler: Handler): Promise<void> {
    const key = keyOf(wanted)
    this.#loading.set(key, handler)
    try {
      if (!this.#stopping) await handler.worker.load()
    } catch (error) {
      if (!this.#stopping) throw error
    } finally {
      this.#loading.delete(key)
    }
    if (!this.#stopping) return
    await handler.worker.stop()
    throw new ClosedError('The host is stopping. Register again when it is back.')
  }

  /**
   * A module may both export a handler and register it: in the worker it then registers itself. Loading it again would
   * go on for ever, and waiting for the present registration would be waiting for itself.
   */
  async #registersItself(wanted: HandlerRequest): Promise<boolean> {
    if (!wanted.callerIsHandler) return false
    const same = [this.#loading, this.#handlers].map(handlers => handlers.get(keyOf(wanted)))
    if (same.every(handler => handler === undefined)) return false
    const module = await this.#roots.resolve(wanted.module, wanted.callerIsLocalUser)
    return same.some(handler => handler?.module === module && handler.export === wanted.export)
  }

  #workerFor(wanted: HandlerRequest, module: string): SupervisedWorker {
    const { van, name, request, isolation = 'thread', callerIsLocalUser } = wanted
    const task = (): HandlerTask => ({
      kind: 'handler',
      module,
      export: wanted.export,
      van,
      ...consumedOf(name, request),
      ...this.#host.connection,
      principal: request.principal,
      ...newWorkerClient(callerIsLocalUser),
    })
    const confinement = confine(callerIsLocalUser, request.principal, isolation, this.#host.workerLimits)
    return new SupervisedWorker(confinement, task, {
      line: (stream, text) => this.#host.line(name, stream, text),
      crashed: (reason, delay) => {
        this.#host.line(name, 'err', `crashed: ${reason}; starts again in ${delay} ms`)
        this.#host.warn(`handler ${name} crashed: ${reason}; starts again in ${delay} ms`)
      },
      error: (code, message) => this.#host.line(name, 'err', `${code}: ${message}`),
      gone: clientId => this.#host.endSession(clientId),
    })
  }
}

function keyOf({ van, name }: { van: string; name: string }): string {
  return JSON.stringify([van, name])
}
