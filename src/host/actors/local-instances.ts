import type { ExitReason } from '../../workers/definition/actor.js'
import { missing } from '../../workers/definition/requirements.js'
import { newWorkerClient } from '../../workers/worker-client.js'
import { confine } from '../../workers/worker-environment.js'
import { SupervisedActor } from '../../workers/supervised-actor.js'
import type { ActorTask, Consumed } from '../../workers/worker-messages.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import type { ActorHost } from './actor-host.js'
import { PREFETCH } from './mailbox.js'
import { label, type ActorInstances } from './running-actor.js'

export interface LocalInstancesOptions {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  /** The caller proved to be this machine's user. */
  readonly isLocalUser: boolean
  readonly consumed: () => Consumed[]
  /** Ends the actor: it cannot go on. */
  readonly endSoon: (reason: ExitReason, detail: string) => void
  /** A worker has ended. Resolves when its children have. */
  readonly instanceEnded: (incarnation: string) => Promise<void>
  /** An actor of the previous host cannot run here. Default: `endSoon`. */
  readonly unfitAgain?: (lacks: string) => void
}

/** Instances of one actor on this host. Each has its own worker, and restarts when it crashes. */
export class LocalInstances implements ActorInstances {
  readonly hosts = undefined
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly #host: ActorHost
  readonly #options: LocalInstancesOptions
  /** By number. */
  readonly #instances = new Map<number, SupervisedActor>()
  #isUp = false
  #isEnding = false

  constructor(host: ActorHost, options: LocalInstancesOptions) {
    this.#host = host
    this.#options = options
    this.van = options.van
    this.self = options.self
    this.request = options.request
  }

  get size(): number {
    return this.#instances.size
  }

  get modules(): string[] {
    return [this.request.module]
  }

  /** If one fails, none of these stays. @throws ActorStartError, ActorPlacementError, LimitError */
  async start(numbers: readonly number[], loaded: () => void): Promise<void> {
    this.#host.checkWorkers?.(numbers.length)
    const added = numbers.map(number => this.#instance(number))
    for (const [at, number] of numbers.entries()) {
      const instance = added[at]
      if (instance !== undefined) this.#instances.set(number, instance)
    }
    try {
      await Promise.all(added.map(instance => instance.load()))
      loaded()
      await Promise.all(added.map(instance => instance.run()))
      this.#isUp = true
    } catch (error) {
      for (const number of numbers) this.#instances.delete(number)
      await Promise.all(added.map(instance => instance.stop()))
      throw error
    }
  }

  startAgain(numbers: readonly number[]): Promise<void> {
    this.#isUp = true
    for (const number of numbers) {
      const instance = this.#instance(number)
      this.#instances.set(number, instance)
      instance.startAgain()
    }
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    await Promise.all([...this.#instances.values()].map(instance => instance.stop()))
  }

  /** Its module has changed. If it does not load, the old code stays. */
  async reload(): Promise<void> {
    if (!this.#isUp || this.#isEnding) return
    await Promise.all(
      [...this.#instances].map(async ([number, old]) => {
        const next = this.#instance(number)
        try {
          await next.load()
        } catch (error) {
          await next.stop()
          throw error
        }
        this.#instances.set(number, next)
        await old.stop()
        await next.run()
      }),
    )
  }

  /** The host's capabilities have changed. */
  reconsider(): void {
    const capabilities = this.#host.capabilities()
    const lacks = missing(this.request.requires, capabilities)
    if (lacks !== undefined) this.#unfit(lacks)
    // Now the requirements of its class are known.
    else
      for (const instance of this.#instances.values()) instance.send({ kind: 'capabilities', capabilities })
  }

  async updateSubscriptions(): Promise<void> {
    const subscriptions = this.#options.consumed()
    await Promise.all([...this.#instances.values()].map(instance => instance.subscribe(subscriptions)))
  }

  status(host: string): ActorStatus[] {
    const { self, request } = this
    const instances = [...this.#instances.values()]
    return [
      {
        id: self.id,
        module: request.module,
        export: request.export,
        ...(self.name === undefined ? {} : { name: self.name }),
        host,
        instances: instances.length,
        restarts: instances.reduce((sum, { restarts }) => sum + restarts, 0),
        state: instances.find(({ state }) => state !== 'running')?.state ?? 'running',
      },
    ]
  }

  #instance(instance: number): SupervisedActor {
    const { van, self, request } = this
    const name = label(self)
    const host = this.#host
    const { isLocalUser } = this.#options
    const task = (): ActorTask => ({
      kind: 'actor',
      module: request.module,
      export: request.export,
      van,
      self,
      instance,
      encodedArgs: request.encodedArgs,
      capabilities: host.capabilities(),
      subscriptions: this.#options.consumed(),
      prefetch: request.instances === 1 ? PREFETCH : 1,
      attempts: request.attempts,
      setupTimeout: request.setupTimeout,
      ...host.connection,
      principal: request.principal,
      ...newWorkerClient(isLocalUser),
    })
    return new SupervisedActor(
      confine(isLocalUser, request.principal, request.isolation, host.workerLimits),
      task,
      {
        line: (stream, text) => host.line(name, stream, text),
        log: (level, text) => {
          host.line(name, 'err', `${level}: ${text}`)
          host.log[level](`actor ${name}: ${text}`)
        },
        crashed: (reason, delay) => {
          const text = `crashed: ${reason}; starts again in ${Math.round(delay)} ms`
          host.line(name, 'err', text)
          host.warn(`actor ${name} ${text}`)
        },
        gaveUp: reason => {
          host.warn(`actor ${name} crashed too often, and is stopped: ${reason}`)
          this.#options.endSoon('crashed', reason)
        },
        unfit: (lacks, hasRun) => {
          if (hasRun || this.#options.unfitAgain === undefined) this.#unfit(lacks)
          else this.#options.unfitAgain(lacks)
        },
        gone: clientId => {
          host.endSession(clientId)
          return this.#options.instanceEnded(clientId)
        },
      },
      host.restartDelay,
      host.openIsolate,
    )
  }

  #unfit(lacks: string): void {
    if (this.#isEnding) return
    this.#host.warn(`actor ${label(this.self)} is stopped: its host has no ${lacks} any more`)
    this.#options.endSoon('unfit', `its host has no ${lacks} any more`)
  }
}
