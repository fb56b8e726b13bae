import { LimitError } from '../../errors.js'
import type { CapabilityValues } from '../../bus/contract/actors.js'
import { hostUrl } from '../../daemon/find/listens.js'
import type { ActorHost } from '../actors/actor-host.js'
import { Actors } from '../actors/actors.js'
import { actorLog, takeActorLogs } from '../actors/leader-log.js'
import { Handlers, type HandlerHost } from '../handlers/handlers.js'
import { ModuleRoots } from '../handlers/module-roots.js'
import { ModuleWatch } from '../handlers/module-watch.js'
import { registrationsOf, startRegistered, type Registrations } from '../handlers/registrations.js'
import type { HostServer } from '../listen/server.js'
import { keeping } from '../store/kept-registrations.js'
import type { HostStore } from '../store/host-store.js'
import type { HostFiles } from './host-files.js'
import type { HostSettings } from './settings.js'

export interface HostWorkersOptions {
  readonly settings: Pick<
    HostSettings,
    'port' | 'roots' | 'watch' | 'workerMemory' | 'workerEnv' | 'maxWorkers'
  >
  readonly files: Pick<HostFiles, 'secret' | 'log' | 'lines' | 'principals'>
  /** The server is made with these workers, so they reach it later. */
  readonly server: () => HostServer
  /** Undefined without a store, and until it is open. */
  readonly store: () => HostStore | undefined
  readonly capabilities: () => CapabilityValues
}

/** The code of apps that this host runs: handlers and actors, and the watch that restarts them when their modules change. */
export class HostWorkers {
  readonly handlers: Handlers
  readonly actors: Actors
  readonly #options: HostWorkersOptions
  readonly #moduleWatch: ModuleWatch | undefined

  constructor(options: HostWorkersOptions) {
    const { settings, files, server, capabilities } = options
    const { log, lines, secret } = files
    const host: HandlerHost & Pick<ActorHost, 'broker' | 'keepActor'> = {
      broker: van => server().broker(van),
      replace: (van, request) => server().replace(van, request),
      connection: {
        url: hostUrl(settings.port),
        secret,
        get socket() {
          return server().localSocket
        },
      },
      workerLimits: { memory: settings.workerMemory, variables: settings.workerEnv },
      checkWorkers: more => this.#checkWorkers(more),
      knowsPrincipal: name => files.principals?.get(name) !== undefined,
      endSession: client => server().endSession(client),
      line: (name, stream, text) => lines.write(name, stream, text),
      warn: text => log.warning(text),
      modulesChanged: () => this.#watchModules(),
      ...keeping(options.store),
    }
    const roots = new ModuleRoots(settings.roots)
    this.#options = options
    this.handlers = new Handlers(host, roots)
    this.actors = new Actors({ ...host, log: actorLog(log, () => server().backbone), capabilities }, roots)
    if (settings.watch)
      this.#moduleWatch = new ModuleWatch(
        module => void this.#reload(module),
        error => log.warning('modules cannot be watched', error),
      )
  }

  get isIdle(): boolean {
    return this.handlers.size === 0 && this.actors.size === 0
  }

  /** For the next host. */
  get registered(): Registrations {
    const { server, capabilities } = this.#options
    return registrationsOf(server(), this.handlers, this.actors, capabilities())
  }

  /** Starts the handlers and actors of the previous host, and takes log lines of other hosts' actors from now on. */
  start(before: Registrations | undefined): void {
    const { server, files } = this.#options
    takeActorLogs(files.log, server().backbone)
    if (before === undefined) return
    void startRegistered(before, this.handlers, this.actors, text => files.log.warning(text))
  }

  capabilitiesChanged(): void {
    this.actors.reconsider()
    this.#options.server().backbone.selfChanged()
  }

  stopWatching(): void {
    this.#moduleWatch?.close()
  }

  async stopAll(): Promise<void> {
    await this.actors.stopAll()
    await this.handlers.stopAll()
  }

  #checkWorkers(more: number): void {
    const { maxWorkers } = this.#options.settings
    const running = this.handlers.load + this.actors.load
    if (running + more <= maxWorkers) return
    throw new LimitError(
      `This host runs ${running} handlers and instances of actors, and may run ${maxWorkers} (--max-workers): there is no room for ${more} more.`,
    )
  }

  #watchModules(): void {
    this.#moduleWatch?.watch(new Set([...this.handlers.modules, ...this.actors.modules]))
  }

  async #reload(module: string): Promise<void> {
    const { log } = this.#options.files
    log.info(`${module} has changed`)
    await Promise.all([this.handlers.reload(module), this.actors.reload(module)]).catch((error: unknown) =>
      log.warning(`${module} has changed, and its handlers and actors still run the old code`, error),
    )
  }
}
