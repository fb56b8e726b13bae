import { rm } from 'node:fs/promises'
import { newId } from '../../message/new-id.js'
import type { HostStatus } from '../../bus/contract/status.js'
import { localSocketOf } from '../../state/local-socket.js'
import { removePidHint, writePidHint } from '../../state/pid-hint.js'
import { describe, UnsupportedError } from '../../errors.js'
import { version } from '../../version.js'
import { joining } from '../backbone/joining.js'
import { handOver } from '../hand-over/hand-over.js'
import { isHandOverWanted } from '../hand-over/take-over.js'
import { Capabilities } from '../handlers/capabilities.js'
import type { Registrations } from '../handlers/registrations.js'
import { whyNotListening } from '../listen/not-listening.js'
import { HostServer } from '../listen/server.js'
import type { HostStore } from '../store/host-store.js'
import { NamesFile } from '../van/names-file.js'
import type { HostEnd, EndReason } from './host-end.js'
import { hostAnswers } from './host-control.js'
import type { HostFiles } from './host-files.js'
import { HostWorkers } from './host-workers.js'
import { watchIdle } from './idle.js'
import type { HostSettings } from './settings.js'

export interface HostOptions {
  readonly settings: HostSettings
  readonly files: HostFiles
  readonly ending: HostEnd
  /** Runs in the foreground. */
  readonly isInForeground: boolean
  /** The previous host offered other capabilities than the settings, and these stay. */
  readonly capabilities: HostSettings['capabilities']
}

/** The parts of this machine's host. It listens, restores the messages of the previous host, serves, and closes. */
export class Host {
  readonly capabilities: Capabilities
  readonly names: NamesFile
  readonly server: HostServer
  readonly #options: HostOptions
  readonly #workers: HostWorkers
  #store: HostStore | undefined
  /** Counts clients that came or left. */
  #activity = 0
  #unwatchIdle = (): void => undefined

  constructor(options: HostOptions) {
    const { settings, files, ending } = options
    const { secret, token, principals, tls, log, paths } = files
    this.#options = options
    this.capabilities = new Capabilities(options.capabilities, () => this.#workers.capabilitiesChanged())
    this.names = new NamesFile(paths.names(settings.port), text => log.warning(text))
    this.#workers = new HostWorkers({
      settings,
      files,
      server: () => this.server,
      store: () => this.#store,
      capabilities: () => this.capabilities.values,
    })
    const control = hostAnswers({
      settings,
      ending,
      capabilities: this.capabilities,
      registered: () => this.#workers.registered,
      handOver: client => this.#handOver(client),
    })
    this.server = new HostServer({
      ...{
        secret,
        token,
        principals,
        port: settings.port,
        localSocket: localSocketOf(paths, settings.port),
        listen: settings.listen,
        origins: settings.origins,
      },
      ...{ heartbeat: settings.heartbeatMs, sessionTtl: settings.sessionTtlMs },
      ...joining(settings, { secret, token, tls }),
      maxPayload: settings.maxPayload,
      maxWaiting: settings.clientMemory,
      vanMemory: settings.vanMemory,
      dedupe: settings.dedupeMs,
      hostMemory: settings.hostMemory,
      tls: tls.identity,
      awaitsServices: true,
      awaitsStore: settings.store !== undefined,
      hostStatus: statusOf(settings, this.capabilities),
      names: settings.join === undefined ? this.names : undefined,
      handlers: this.#workers.handlers,
      actors: this.#workers.actors,
      control,
      changed: () => (this.#activity += 1),
      warn: text => log.warning(text),
    })
  }

  /**
   * Binds the port. Clients wait until `serve`.
   *
   * @throws PortTakenError, InvalidOptionError, HostUnreachableError
   */
  async listen(): Promise<void> {
    const { settings, files, isInForeground } = this.#options
    try {
      await this.server.listen()
    } catch (error) {
      throw await whyNotListening(error, { port: settings.port, paths: files.paths }, isInForeground)
    }
  }

  /** Keeps everything in this store from now on. */
  openStore(store: HostStore): void {
    this.#store = store
    this.server.openStore(store)
  }

  /** Lets clients in, and starts the handlers and actors of the previous host. */
  async serve(before: Registrations | undefined): Promise<void> {
    const { settings, files, ending } = this.#options
    await writePidHint(files.paths, settings.port)
    this.#workers.start(before)
    this.server.ready()
    this.#unwatchIdle = watchIdle({
      idleMs: settings.idleMs,
      isBusy: () => !this.server.isIdle || !this.#workers.isIdle,
      activity: () => this.#activity,
      onIdle: () => ending.end('idle'),
    })
    files.log.info(`listening on ${this.server.addresses.join(' and ')}`)
  }

  /** Resolves when there is a reason to end, and after the hand-over if there is one. */
  async endReason(): Promise<EndReason> {
    const { settings, files, ending } = this.#options
    const wanted = files.paths.handOverWanted(settings.port)
    for (;;) {
      const reason = await ending.reason
      // A host of another protocol asks by a file and a signal.
      if (reason !== 'signal' || !(await isHandOverWanted(wanted))) return reason
      try {
        await this.#handOver()
        return 'handed over'
      } catch (error) {
        if (error instanceof UnsupportedError) return reason
        files.log.warning(describe(error))
        ending.continue()
      } finally {
        await rm(wanted, { force: true })
      }
    }
  }

  /** Ends in order. After a hand-over it ends the process at once: the next host continues all running work. */
  async end(reason: EndReason): Promise<void> {
    const { settings, files } = this.#options
    files.log.info(`ending (${reason})`)
    this.#unwatchIdle()
    this.#workers.stopWatching()
    // First: when the port is free, clients decide by this file whether to start another host.
    await removePidHint(files.paths, settings.port)
    this.names.end(reason !== 'handed over')
    if (reason === 'handed over') {
      files.close()
      process.exit(0)
    }
    await this.#workers.stopAll()
    if (reason === 'restarted')
      await this.server.sessions.transfer
        .passOn()
        .catch((error: unknown) => files.log.warning(`the leader is left: ${describe(error)}`))
    await this.close()
  }

  /** Also for a host that could not start. */
  async close(): Promise<void> {
    await this.server.close()
    await this.#store?.close()
  }

  #handOver(client?: string): Promise<void> {
    const { settings, files } = this.#options
    return handOver(
      {
        paths: files.paths,
        port: settings.port,
        host: this.server.hostId,
        sessions: this.server.sessions,
        registered: () => this.#workers.registered,
        log: text => files.log.info(text),
      },
      client,
    )
  }
}

function statusOf({ port, listen, leader }: HostSettings, capabilities: Capabilities): () => HostStatus {
  const id = newId(18)
  const startedAt = performance.now()
  return () => ({
    id,
    pid: process.pid,
    version,
    port,
    address: listen,
    leader,
    capabilities: { ...capabilities.values },
    uptimeMs: Math.round(performance.now() - startedAt),
  })
}
