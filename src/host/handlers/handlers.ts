import { newWorkerClient } from '../../actors/worker-client.js'
import { SupervisedWorker } from '../../actors/supervised-worker.js'
import type { HandlerTask } from '../../actors/worker-messages.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { HandlerStatus } from '../../bus/contract/status.js'
import { ClosedError } from '../../errors.js'
import { consumedOf } from '../actors/actor-subscriptions.js'
import type { ModuleRoots } from './module-roots.js'
import { OneAtATime } from './one-at-a-time.js'

/** A handler as a client asks for it. */
export interface HandlerRequest {
  readonly van: string
  readonly name: string
  readonly module: string
  readonly export: string
  readonly request: SubscriptionRequest
  /** The client proved to be this machine's user, who may name any module. */
  readonly callerIsLocalUser: boolean
  /** It is a handler of this very host. */
  readonly callerIsHandler: boolean
}

/** What handlers need of the host around them. */
export interface HandlerHost {
  /** Registers the subscription that a handler consumes, in place of what the name had in the whole van. */
  replace(van: string, request: SubscriptionRequest & { readonly name: string }): Promise<void>
  /** How a worker reaches this host, as any other client does. */
  readonly connection: { readonly url: string; readonly secret: Uint8Array }
  /** A worker died: its session ends now, as that of a dead process does. */
  endSession(clientId: string): void
  /** Keeps a registration beyond the host's life, or with undefined its end. Default: nobody does. */
  keep?(van: string, name: string, wanted: HandlerRequest | undefined): Promise<void>
  /** Others run now than before. */
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
  readonly #roots: ModuleRoots
  readonly #handlers = new Map<string, Handler>()
  /** One change of a name at a time: two registrations at once must not leave two workers. */
  readonly #changes = new OneAtATime()
  /** Those whose modules are being loaded. */
  readonly #loading = new Map<string, Handler>()
  #stopping = false

  constructor(host: HandlerHost, roots: ModuleRoots) {
    this.#host = host
    this.#roots = roots
  }

  get size(): number {
    return this.#handlers.size
  }

  /**
   * Replaces what the name had once the module has loaded: a handler that cannot start takes nothing down. Messages that
   * wait stay if the pattern is the same.
   *
   * @throws HandlerModuleError, InvalidPatternError
   */
  async register(wanted: HandlerRequest): Promise<void> {
    if (await this.#registersItself(wanted)) return
    await this.#changes.do(keyOf(wanted), async () => {
      const module = await this.#roots.resolve(wanted.module, wanted.callerIsLocalUser)
      const worker = this.#workerFor(wanted, module)
      // When it starts again it goes on where it is.
      const goingOn = { ...wanted, request: { ...wanted.request, from: undefined } }
      const handler = { wanted: goingOn, worker, module, export: wanted.export }
      await this.#load(wanted, handler)
      try {
        // What is refused, here or by the host that keeps the name, leaves the handler that runs as it was.
        await this.#host.replace(wanted.van, { ...wanted.request, name: wanted.name })
      } catch (error) {
        await worker.stop()
        throw error
      }
      await this.#handlers.get(keyOf(wanted))?.worker.stop()
      this.#handlers.set(keyOf(wanted), handler)
      this.#host.modulesChanged?.()
      await this.#host.keep?.(wanted.van, wanted.name, { ...goingOn, module })
      await worker.run()
    })
  }

  /** Stops it; the named subscription is the broker's to remove. False when there was none. */
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
    return [...this.#handlers.values()].map(({ wanted }) => wanted)
  }

  /** `file:` URLs of those that run. */
  get modules(): string[] {
    return [...this.#handlers.values()].map(({ module }) => module)
  }

  /** Starts those of a module again that has changed. What does not load leaves the old one as it is. */
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
   * A module may both export a handler and register it: in the worker it then registers what it is. To load it again would
   * go on for ever, and to wait for the registration under way would be to wait for itself.
   */
  async #registersItself(wanted: HandlerRequest): Promise<boolean> {
    if (!wanted.callerIsHandler) return false
    const same = [this.#loading, this.#handlers].map(handlers => handlers.get(keyOf(wanted)))
    if (same.every(handler => handler === undefined)) return false
    const module = await this.#roots.resolve(wanted.module, wanted.callerIsLocalUser)
    return same.some(handler => handler?.module === module && handler.export === wanted.export)
  }

  #workerFor(wanted: HandlerRequest, module: string): SupervisedWorker {
    const { van, name, request } = wanted
    const task = (): HandlerTask => ({
      kind: 'handler',
      module,
      export: wanted.export,
      van,
      ...consumedOf(name, request),
      ...this.#host.connection,
      clientId: newWorkerClient(),
    })
    return new SupervisedWorker(task, {
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
