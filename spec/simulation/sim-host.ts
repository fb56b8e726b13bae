import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isWorkerClient } from '../../src/workers/worker-client.js'
import type { Registrations } from '../../src/host/handlers/registrations.js'
import { readHandOver } from '../../src/host/hand-over/read.js'
import { writeHandOver } from '../../src/host/hand-over/write.js'
import { restoreNames } from '../../src/host/van/names-file.js'
import type { MakeBackbone } from '../../src/host/backbone/make-backbone.js'
import { SessionManager } from '../../src/host/session/session-manager.js'
import { HostStore } from '../../src/host/store/host-store.js'
import type { VanStatus } from '../../src/bus/contract/status.js'
import { version } from '../../src/index.js'
import type { Channel } from '../../src/wire/channel.js'
import { PROTOCOL, type HostEvents } from '../../src/wire/protocol.js'
import type { Listening } from './network.js'
import type { SimDisk } from './sim-disk.js'
import { SimActors, type Acted } from './sim-actors.js'
import { NamesFile, SimNames } from './sim-names.js'
import { secret, van, type Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

export interface SimHostOptions {
  readonly name: 'host' | 'follower'
  /** What joins this run of it to others. Default: nothing. */
  readonly backbone?: (process: VirtualProcess, goesOn: boolean) => MakeBackbone
  /** Its leader keeps what has a name. */
  readonly isFollower?: boolean
  readonly url: string
  readonly sessionTtl: number
  /** What it keeps is there; undefined: in memory. */
  readonly disk: SimDisk | undefined
  readonly spawn: (name: string) => VirtualProcess
  /** Who has a pid. */
  readonly processOf: (pid: number) => VirtualProcess | undefined
  /** It is about to end. */
  readonly ending: () => void
  /** It has ended, one way or the other. */
  readonly ended: (how: 'killed' | 'stopped', status: Promise<Subscriptions>, process: VirtualProcess) => void
  /** It can be reached. @param goesOn all that the one before had in its memory is here */
  readonly started: (process: VirtualProcess, goesOn: boolean) => void
  /** What the workers of its actors do; undefined: it has none. */
  readonly acted: () => Acted | undefined
  /** It logs a warning. */
  readonly warned: (text: string) => void
}

export type Subscriptions = Pick<VanStatus, 'subscriptions'>

/** One run of a host, from its start to its end. */
interface Run {
  readonly process: VirtualProcess
  readonly sessions: SessionManager
  readonly store: HostStore | undefined
  readonly names: SimNames | undefined
  readonly channels: Set<Channel<HostEvents>>
  readonly actors: SimActors | undefined
  /** When nothing changes any more. */
  last?: Promise<Subscriptions>
}

/** The place of a host, in which one runs after the other: the real one, from its session manager on. */
export class SimHost implements Listening {
  readonly #stage: Stage
  readonly #options: SimHostOptions
  #run: Run | undefined
  readonly #names = new NamesFile()
  #isStarting = false
  #isStopping = false
  /** What a run before handed over, for the next one. */
  #handedOver:
    | { readonly file: string; readonly by: VirtualProcess; readonly actors: Registrations | undefined }
    | undefined

  constructor(stage: Stage, options: SimHostOptions) {
    this.#stage = stage
    this.#options = options
    stage.network.listen(options.url, this)
  }

  get url(): string {
    return this.#options.url
  }

  get isKept(): boolean {
    return this.#options.disk !== undefined
  }

  get isUp(): boolean {
    return this.#run !== undefined && !this.#isStopping
  }

  /** Undefined while nobody listens there. */
  get process(): VirtualProcess | undefined {
    return this.#run?.process
  }

  get clients(): number {
    return this.#run?.sessions.clients ?? 0
  }

  /** Within this moment, unless it is there. */
  start(): void {
    if (this.#run !== undefined || this.#isStarting) return
    this.#isStarting = true
    const { clock, trace } = this.#stage
    const { spawn, disk, started } = this.#options
    const process = spawn(this.#options.name)
    const begin = (): void => {
      this.#isStarting = false
      trace.say(process.name, () => 'STARTS')
      const { isFollower = false } = this.#options
      const names = disk === undefined && !isFollower ? new SimNames(this.#names) : undefined
      const store = disk && this.#openStore(disk, process)
      const actors = this.#newActors(process, () => sessions, store)
      const sessions: SessionManager = this.#newSessions(process, names, actors)
      const before = this.#handedOver
      const goesOn = before !== undefined
      if (store !== undefined) sessions.restore(store)
      this.#takeOver(sessions, process)
      if (store === undefined) restoreNames(sessions, this.#names.read(), text => this.#warned(process, text))
      actors?.restore(before?.actors)
      sessions.open()
      this.#run = { process, sessions, store, names, channels: new Set(), actors }
      started(process, goesOn)
    }
    clock.schedule(0, begin, process)
  }

  /** As by kill -9. Of its memory nothing is left. */
  kill(): void {
    const run = this.#run
    if (run === undefined) return
    const { network, trace } = this.#stage
    trace.say(run.process.name, () => 'is KILLED')
    trace.count(`${this.#options.name} kills`)
    this.#options.ending()
    const status = run.last ?? statusOf(run)
    run.process.isDead = true
    run.actors?.die()
    this.#run = undefined
    this.#isStopping = false
    this.#options.disk?.crash()
    network.died(run.process)
    this.#options.ended('killed', status, run.process)
  }

  /** As by `msgvan stop`. @param isRestart as by `msgvan restart` of a host with a store */
  stop(isRestart = false): void {
    const run = this.#run
    if (run === undefined || this.#isStopping) return
    const { clock, trace } = this.#stage
    trace.say(run.process.name, () => (isRestart ? 'RESTARTS' : 'STOPS'))
    trace.count(`${this.#options.name} ${isRestart ? 'restarts' : 'stops'}`)
    this.#isStopping = true
    this.#options.ending()
    clock.schedule(0, () => void this.#end(run, isRestart), run.process)
  }

  /**
   * As by `msgvan restart` of a host without a store, as far as the one that ends.
   *
   * @param isOther the two are of different protocols: sessions end, and all else travels
   */
  handOver(isOther: boolean): void {
    const run = this.#run
    if (run === undefined || this.#isStopping || this.isKept) return
    const { clock, trace, network } = this.#stage
    trace.say(run.process.name, () => `HANDS OVER${isOther ? ' to another protocol' : ''}`)
    trace.count(this.#options.isFollower === true ? 'follower hand-overs' : 'hand-overs')
    if (isOther) trace.count('other protocols')
    if (run.actors !== undefined) trace.count('actors handed over')
    this.#isStopping = true
    const write = (): void => {
      const file = join(tmpdir(), `msgvan-simulation-${process.pid}-${run.process.pid}`)
      run.names?.write()
      writeHandOver(file, run.sessions.transfer.held, {
        ...{ host: idOf(run.process), staysBehind: ({ client }) => isWorkerClient(client) },
        ...(isOther ? { protocol: PROTOCOL - 1 } : {}),
      })
      run.sessions.transfer.abandon(() => false)
      this.#handedOver = { file, by: run.process, actors: run.actors?.registered }
      run.process.isDead = true
      run.actors?.die()
      this.#run = undefined
      this.#isStopping = false
      network.died(run.process)
    }
    clock.schedule(0, write, run.process)
  }

  #takeOver(sessionManager: SessionManager, process: VirtualProcess): void {
    if (this.#handedOver === undefined) return
    const { file, by } = this.#handedOver
    this.#handedOver = undefined
    by.goesOnIn(process)
    const { books, trace } = this.#stage
    const { isNew, messages, sessions, trouble } = readHandOver(file, sessionManager.transfer)
    rmSync(file)
    trace.say(process.name, () => `goes on with ${messages} messages and ${sessions} sessions`)
    if (!isNew || trouble.length > 0)
      books.violated(`what was handed over is not read: ${trouble.join('; ')}`)
  }

  greet(channel: Channel<HostEvents>) {
    const run = this.#run
    if (run === undefined) throw new Error('nobody listens')
    run.channels.add(channel)
    return run.sessions.greet(channel, { address: '127.0.0.1', ends: 'a line' })
  }

  /** The memory of the messages that wait here, as the host counts it. */
  get waitingBytes(): number {
    const sessions = this.#run?.sessions
    return sessions?.vans.includes(van) === true ? sessions.broker(van).memory.bytes : 0
  }

  status(name = van): Promise<Subscriptions> {
    const run = this.#run
    if (run === undefined) throw new Error('the host is not there')
    return statusOf(run, name)
  }

  async #end(run: Run, isRestart: boolean): Promise<void> {
    const { sessions, store, names, channels, process, actors } = run
    names?.end()
    await actors?.stop()
    if (isRestart)
      await sessions.transfer.passOn().catch((error: unknown) => this.#warned(process, String(error)))
    await sessions.freeze()
    process.hasWrittenAll = this.#options.disk?.isWriting === true
    const status = (run.last = statusOf(run))
    sessions.endSessions()
    for (const channel of channels) channel.close()
    await sessions.closeVans()
    await store?.close()
    if (this.#run !== run) return
    process.isDead = true
    this.#run = undefined
    this.#isStopping = false
    this.#stage.network.died(process)
    this.#options.ended('stopped', status, process)
  }

  #newSessions(
    process: VirtualProcess,
    names: SimNames | undefined,
    actors: SimActors | undefined,
  ): SessionManager {
    const { clock } = this.#stage
    const startedAt = clock.now
    const backbone = this.#options.backbone?.(process, this.#handedOver !== undefined)
    return new SessionManager({
      ...(backbone === undefined ? {} : { backbone, idPrefix: `${process.pid}-` }),
      ...(actors === undefined ? {} : { actors: actors.here }),
      secret,
      sessionTtl: this.#options.sessionTtl,
      names,
      isGone: pid => this.#options.processOf(pid)?.isDead ?? true,
      warn: text => this.#warned(process, text),
      hostStatus: () => ({
        id: idOf(process),
        pid: process.pid,
        version,
        port: 0,
        address: '',
        leader: backbone !== undefined && this.#options.isFollower !== true,
        capabilities: {},
        uptimeMs: clock.now - startedAt,
      }),
    })
  }

  #newActors(
    process: VirtualProcess,
    sessions: () => SessionManager,
    store: HostStore | undefined,
  ): SimActors | undefined {
    const { url, spawn, acted } = this.#options
    const actor = acted()
    const warn = (text: string): void => this.#warned(process, text)
    return actor && new SimActors(this.#stage, { url, process, sessions, store, spawn, warn, acted: actor })
  }

  #openStore(disk: SimDisk, process: VirtualProcess): HostStore {
    return new HostStore({
      store: disk.open(process),
      warn: text => this.#warned(process, text),
      id: `store of ${this.url}`,
    })
  }

  #warned({ name }: VirtualProcess, text: string): void {
    this.#stage.trace.say(name, () => `warns: ${text}`)
    this.#options.warned(text)
    // By which a host tells that it has a fault of its own.
    if (text.includes('stands still for')) this.#stage.books.violated(text)
  }
}

/** Never makes a van. */
function statusOf({ sessions }: Run, name = van): Promise<Subscriptions> {
  return sessions.vans.includes(name)
    ? sessions.broker(name).control.status()
    : Promise.resolve({ subscriptions: [] })
}

function idOf({ name, pid }: VirtualProcess): string {
  return `${name}-${pid}`
}
