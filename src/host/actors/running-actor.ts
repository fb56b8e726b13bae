import { randomUUID } from 'node:crypto'
import type { ExitReason } from '../../actors/actor.js'
import { missing } from '../../actors/requirements.js'
import { SupervisedActor } from '../../actors/supervised-actor.js'
import type { ActorTask, Consumed } from '../../actors/worker-messages.js'
import type { ActorAddress } from '../../bus/actor-ref.js'
import type { ActorRequest } from '../../bus/actors.js'
import type { ActorStatus } from '../../bus/status.js'
import type { ActorHost } from './actor-host.js'
import { PREFETCH } from './mailbox.js'

export interface RunningActorOptions {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** Where its parent is, if that is another host. */
  readonly parentHost: string | undefined
  readonly consumed: () => Consumed[]
  /** It cannot go on. */
  readonly endSoon: (reason: ExitReason, detail: string) => void
}

/** One actor of this host: its instances, each in a worker of its own. */
export class RunningActor {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  readonly parentHost: string | undefined
  /** Set up, and not ending. */
  isUp = false
  ending: Promise<void> | undefined
  readonly #host: ActorHost
  readonly #options: RunningActorOptions
  readonly #instances: SupervisedActor[]

  constructor(host: ActorHost, options: RunningActorOptions) {
    this.#host = host
    this.#options = options
    this.van = options.van
    this.self = options.self
    this.request = options.request
    this.isLocalUser = options.isLocalUser
    this.parentHost = options.parentHost
    const { instances } = options.request
    this.#instances = Array.from({ length: instances }, (_, index) => this.#instance(index + 1))
  }

  /** @throws ActorStartError, ActorPlacementError */
  async load(): Promise<void> {
    await Promise.all(this.#instances.map(instance => instance.load()))
  }

  /** Resolves when all are set up and take messages. @throws ActorStartError */
  async run(): Promise<void> {
    await Promise.all(this.#instances.map(instance => instance.run()))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#instances.map(instance => instance.stop()))
  }

  /** Its module has changed. What does not load leaves the old one as it is. */
  async reload(): Promise<void> {
    await Promise.all(
      this.#instances.map(async (old, index) => {
        const next = this.#instance(index + 1)
        try {
          await next.load()
        } catch (error) {
          await next.stop()
          throw error
        }
        this.#instances[index] = next
        await old.stop()
        await next.run()
      }),
    )
  }

  /** What the host offers has changed. */
  reconsider(): void {
    const capabilities = this.#host.capabilities()
    const lacks = missing(this.request.requires, capabilities)
    if (lacks !== undefined) this.#unfit(lacks)
    // What its class requires is known there.
    else for (const instance of this.#instances) instance.send({ kind: 'capabilities', capabilities })
  }

  /** Resolves when it gets the messages of those that it is to get, and of no others. */
  async tellSubscriptions(): Promise<void> {
    const subscriptions = this.#options.consumed()
    await Promise.all(this.#instances.map(instance => instance.subscribe(subscriptions)))
  }

  status(host: string): ActorStatus {
    const { self, request } = this
    return {
      id: self.id,
      module: request.module,
      export: request.export,
      ...(self.name === undefined ? {} : { name: self.name }),
      host,
      restarts: this.#instances.reduce((sum, { restarts }) => sum + restarts, 0),
      state: this.#instances.find(({ state }) => state !== 'running')?.state ?? 'running',
    }
  }

  #instance(instance: number): SupervisedActor {
    const { van, self, request } = this
    const name = label(self)
    const host = this.#host
    const task = (): ActorTask => ({
      kind: 'actor',
      module: request.module,
      export: request.export,
      van,
      self,
      instance,
      args: request.args,
      capabilities: host.capabilities(),
      subscriptions: this.#options.consumed(),
      prefetch: request.instances === 1 ? PREFETCH : 1,
      attempts: request.attempts,
      ...host.connection,
      clientId: randomUUID(),
    })
    return new SupervisedActor(
      request.isolation,
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
        unfit: lacks => this.#unfit(lacks),
        gone: clientId => host.endSession(clientId),
      },
      host.restartDelay,
    )
  }

  #unfit(lacks: string): void {
    if (this.ending !== undefined) return
    this.#host.warn(`actor ${label(this.self)} is stopped: its host has no ${lacks} any more`)
    this.#options.endSoon('unfit', `its host has no ${lacks} any more`)
  }
}

/** What people call it. */
export function label({ id, name }: ActorAddress): string {
  return name ?? id
}
