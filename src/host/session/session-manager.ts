import { AuthError } from '../../errors.js'
import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { HOSTS_TOPIC } from '../../bus/contract/hosts.js'
import type { HostStatus } from '../../bus/contract/status.js'
import type { Channel, ChannelListener } from '../../wire/channel.js'
import type { RetainedFrame } from '../../wire/link.js'
import type { HostEvents } from '../../wire/protocol.js'
import type { Actors } from '../actors/actors.js'
import { ActorDirectory } from '../actors/cluster/actor-directory.js'
import { answer } from '../calls/answer.js'
import { answerHere } from '../calls/answer-here.js'
import { alone } from '../backbone/alone.js'
import type { Backbone, MakeBackbone } from '../backbone/backbone.js'
import { Members } from '../backbone/leader/members.js'
import type { Secrets } from '../listen/server-handshake.js'
import type { NameRegister } from '../van/kept-names.js'
import { DEFAULT_CLIENT_BYTES } from './client-budget.js'
import { Liveness } from './liveness.js'
import { Admission, type Caller, type SessionOf } from './admission.js'
import type { Session, SessionOptions, SessionState } from './session.js'
import { Sessions } from './sessions.js'
import type { HostStore } from '../store/host-store.js'
import type { HandlerService } from '../calls/unregister.js'
import { Vans, type Van } from '../van/vans.js'

export interface SessionManagerOptions extends Secrets {
  readonly hostStatus: () => HostStatus
  /** Milliseconds that a session lasts without its client. Default 60,000. */
  readonly sessionTtl?: number
  /** The largest payload, in bytes. Default 8 MiB. */
  readonly maxPayload?: number
  /**
   * Bytes that may wait for a client that does not read. Beyond that it gets no more deliveries, and more answers cost it
   * its connection. Default 64 MiB.
   */
  readonly maxWaiting?: number
  /** Joins this host to others. Default: it is alone. */
  readonly backbone?: MakeBackbone
  /** Begins the ids of subscriptions, so that those of different hosts differ. */
  readonly idPrefix?: string
  /** Remembers named subscriptions for the next host. Default: they are forgotten. */
  readonly names?: NameRegister | undefined
  /** Runs handlers in this host. Default: it runs none. */
  readonly handlers?: HandlerService
  /** Runs actors in this host. Default: it runs none. */
  readonly actors?: Actors
  /** Calls to the host itself, such as `stop`. */
  readonly control?: (method: string, args: unknown) => Promise<unknown>
  /**
   * Milliseconds between pings, and for the answer to one. Both sides give up a connection after twice that without an
   * answer. Its session stays. Default 10,000.
   */
  readonly heartbeat?: number
  /** Milliseconds without progress until a consumer with credit and waiting messages is a fault. Default 10,000. */
  readonly stallAfter?: number
  /** A client came, or its session ended. */
  readonly changed?: () => void
  /** Warns the operator. */
  readonly warn?: (text: string) => void
  /** Whether a process of this machine, or this thread of it, is dead. Default: asks the system. */
  readonly isGone?: (pid: number, thread: number | undefined) => boolean
}

/** Older clients send nothing if they want nothing. */
const MOST_LOOKS = 10

/** The contents of a host's memory. */
export interface HeldInMemory {
  /** The name of this memory. */
  readonly memory: string
  readonly vans: readonly Van[]
  readonly sessions: readonly Session[]
}

/** Owns the host's sessions, vans and backbone. Knows no sockets. */
export class SessionManager {
  readonly #options: SessionManagerOptions
  readonly #maxPayload: number
  readonly #vans: Vans
  readonly #members: Members
  /** Joins this host to others. */
  readonly backbone: Backbone
  readonly #sessions: Sessions
  readonly #liveness: Liveness
  readonly #admission: Admission
  readonly #actors: ActorDirectory | undefined
  #memory: string | undefined
  #store: HostStore | undefined
  readonly #handedOver = new Set<string>()
  #isClosing = false
  #orphanage: NodeJS.Timeout | undefined

  constructor(options: SessionManagerOptions) {
    this.#options = options
    this.#maxPayload = options.maxPayload ?? DEFAULT_MAX_PAYLOAD

    this.#members = new Members(options.hostStatus)
    this.backbone = this.#make(options.backbone ?? (({ members }) => alone(members)))
    this.#vans = new Vans({
      hostStatus: options.hostStatus,
      backbone: () => this.backbone,
      idPrefix: options.idPrefix,
      names: options.names,
      warn: options.warn,
      sees: options.principals && ((principal, topic) => options.principals?.sees(principal, topic) === true),
      memory: () => (this.#store === undefined ? this.memory : this.#store.id),
      answer: (van, method, args) =>
        answerHere(van, method, args, { handlers: options.handlers, actors: this.#actors }),
    })
    this.#members.watch(() => this.#vans.publishHere(HOSTS_TOPIC, this.#members.list()))
    this.#liveness = new Liveness(
      () => this.#sessions,
      text => options.warn?.(text),
      options.stallAfter,
    )
    this.#sessions = new Sessions({
      sessionTtl: options.sessionTtl ?? 60_000,
      changed: () => this.#changed(),
      ...(options.isGone === undefined ? {} : { isGone: options.isGone }),
    })
    this.#admission = new Admission({
      secrets: options,
      sessions: this.#sessions,
      maxPayload: this.#maxPayload,
      isClosing: () => this.#isClosing,
      van: van => this.#vans.get(van),
      sessionOptions: of => this.#sessionOptions(of),
    })
    options.principals?.watch({
      changed: () => {
        this.#vans.forgetTopics()
        this.#look()
      },
      look: () => this.#look(),
    })
    if (options.actors !== undefined)
      this.#actors = new ActorDirectory({
        here: options.actors,
        handlers: options.handlers,
        backbone: this.backbone,
        van: van => this.#vans.get(van),
        patience: options.heartbeat,
      })
  }

  /** The number of sessions. Their clients are connected or away. */
  get clients(): number {
    return this.#sessions.size
  }

  /** No session, no subscription, no message. */
  get isIdle(): boolean {
    return this.#sessions.size === 0 && this.#vans.isIdle
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  get vans(): string[] {
    return this.#vans.names
  }

  broker(van: string): LocalBroker {
    return this.#vans.get(van).broker
  }

  /** Ends a client's session, as if the client had died. */
  endSession(client: string): void {
    this.#sessions.endClient(client)
  }

  /** Restores the contents of a store. Call it before the first client connects. */
  restore(store: HostStore): void {
    this.#store = store
    this.#vans.restore(store)
    this.#awaitOrphans(new Map())
  }

  /**
   * Ends subscriptions of clients that do not come back. A client that is back knows that it has its session again: it
   * may stand still before it asks.
   *
   * @param looks the number of looks at which each session was there
   */
  #awaitOrphans(looks: ReadonlyMap<Session, number>): void {
    const { sessionTtl = 60_000 } = this.#options
    this.#orphanage = setTimeout(() => {
      const looksOf = (session: Session): number => looks.get(session) ?? 0
      const asking = [...this.#sessions].filter(
        session => looksOf(session) < (session.link.received > 0 ? 1 : MOST_LOOKS),
      )
      const isAwaited = (van: string, client: string): boolean =>
        asking.some(session => session.client === client && session.van.name === van)
      if (!this.#vans.endOrphans(isAwaited)) return
      this.#awaitOrphans(new Map([...this.#sessions].map(session => [session, looksOf(session) + 1])))
    }, sessionTtl).unref()
  }

  /** Identifies the messages of this host for clients: after a restart with another value they are lost. */
  get memory(): string {
    return (this.#memory ??= this.#options.hostStatus().id)
  }

  /**
   * Everything to hand over to another process.
   *
   * @throws UnsupportedError with a store
   */
  get held(): HeldInMemory {
    this.#vans.checkMemory()
    return { memory: this.memory, vans: [...this.#vans.all()], sessions: [...this.#sessions.all()] }
  }

  /**
   * Everything was handed over to another process: this one does nothing more, and reports that only to clients that
   * stay.
   */
  abandon(stays: (session: Session) => boolean): void {
    this.#isClosing = true
    this.backbone.abandon?.()
    for (const session of this.#sessions.all()) if (!stays(session)) session.abandon()
    this.#admission.abandon(stays)
  }

  /**
   * Continues the memory of another process.
   *
   * @returns false if that hand-over is already here
   */
  goOn(memory: string, host: string, at: number): boolean {
    const act = `${host} ${at}`
    if (this.#handedOver.has(act)) return false
    this.#handedOver.add(act)
    this.#memory = memory
    this.backbone.goOn?.(host)
    return true
  }

  /** Resolves when everything taken in is on the disk, if there is a store. */
  async keptAll(): Promise<void> {
    for (const van of [...this.#vans.all()]) await van.kept()
  }

  van(name: string): Van {
    return this.#vans.get(name)
  }

  /** Continues a session of another process. */
  resume(state: SessionState, retained: Iterable<RetainedFrame>): Session {
    const { principal: of } = state
    const principal = of && this.#options.principals?.get(of.name)
    const access = principal && { principal, token: of.token }
    const session = this.#sessions.restore({ ...this.#sessionOptions({ ...state, access }), id: state.id })
    session.restore(state, retained)
    // Its principal is gone: without one, it would have every right.
    if (of !== undefined && access === undefined) setImmediate(() => this.#sessions.end(session, 'death'))
    this.#admission.asked(session, state.calls)
    return session
  }

  /** The session is complete: it waits for its client now. */
  await(session: Session): void {
    this.#sessions.away(session)
  }

  /** The store keeps the present messages, and no later change. */
  async freeze(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#orphanage)
    await this.#vans.freeze()
  }

  /** Ends all sessions, and lets no client in any more. */
  endSessions(): void {
    this.#isClosing = true
    this.#liveness.end()
    this.#sessions.endAll()
  }

  async closeVans(): Promise<void> {
    this.#actors?.close()
    await this.backbone.close()
    await this.#vans.close()
  }

  /** Opens the vans that stay open without clients. */
  open(): void {
    for (const van of this.backbone.homes) this.#vans.get(van)
  }

  #make(backbone: MakeBackbone): Backbone {
    return backbone({
      members: this.#members,
      endSession: (client, how) => this.#sessions.endClient(client, how),
      warn: text => this.#options.warn?.(text),
    })
  }

  /** Registers a named subscription, and replaces the one of that name in the whole van. */
  replace(van: string, request: SubscriptionRequest & { readonly name: string }): Promise<void> {
    return this.#vans.get(van).replace(request)
  }

  /**
   * A client connected.
   *
   * @returns the listener for its channel
   */
  greet(channel: Channel<HostEvents>, caller: Caller): ChannelListener {
    return this.#admission.greet(channel, caller)
  }

  #sessionOptions({
    client,
    van,
    isLocalUser,
    access,
    pid,
    thread,
    address,
  }: SessionOf): Omit<SessionOptions, 'id'> {
    return {
      ...{ client, isLocalUser, access, pid, thread, address },
      van: this.#vans.get(van),
      maxPayload: this.#maxPayload,
      maxWaiting: this.#options.maxWaiting ?? DEFAULT_CLIENT_BYTES,
      exceeded: (session, error) => {
        if (!this.#admission.disconnect(session, error)) return
        this.#options.warn?.(`client ${session.client} of the van ${session.van.name}: ${error.message}`)
      },
      answer: (session, method, args) =>
        answer(session, method, args, {
          handlers: this.#options.handlers,
          actors: this.#actors,
          control: this.#options.control,
          hosts: () => this.#members.list(),
        }),
    }
  }

  /** Ends sessions whose token has expired or was taken away. */
  #look(): void {
    const { principals } = this.#options
    if (principals === undefined) return
    for (const session of [...this.#sessions]) {
      const { access, van } = session
      if (access === undefined || principals.holds(access, van.name)) continue
      this.#admission.expel(
        session,
        new AuthError(
          `The token of ${access.principal.name} was revoked or has expired, or may not enter the van ${van.name} any more.`,
        ),
      )
    }
  }

  #changed(): void {
    this.#admission.sweep()
    this.#vans.sweep(this.#sessions.vans)
    this.#options.changed?.()
  }
}
