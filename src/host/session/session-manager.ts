import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import { LetterMemory } from '../../broker/dead-letters/letter-memory.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { HOSTS_TOPIC } from '../../bus/contract/hosts.js'
import type { HostStatus } from '../../bus/contract/status.js'
import type { Channel, ChannelListener } from '../../wire/channel.js'
import type { HostEvents } from '../../wire/protocol.js'
import type { Actors } from '../actors/actors.js'
import { ActorDirectory } from '../actors/cluster/actor-directory.js'
import { answer } from '../calls/answer.js'
import { answerHere } from '../calls/answer-here.js'
import type { HostAnswers } from '../calls/services.js'
import { alone } from '../backbone/alone.js'
import type { HostBackbone, MakeBackbone } from '../backbone/make-backbone.js'
import { HostList } from '../backbone/host-list.js'
import type { Secrets } from '../listen/server-handshake.js'
import type { NameRegister } from '../van/names-file.js'
import { ByteBudget } from '../../broker/memory/byte-budget.js'
import {
  DEFAULT_HOST_BYTES,
  DEFAULT_SESSION_TTL_MS,
  DEFAULT_VAN_BYTES,
  LETTER_SHARE,
} from '../limits/defaults.js'
import { DEFAULT_CLIENT_BYTES } from './client-budget.js'
import { StallWatch } from './stall-watch.js'
import { viewOf } from '../rights/follower-views.js'
import { noSight } from '../rights/principal.js'
import type { Principals } from '../rights/principals.js'
import type { Usage } from '../limits/usage.js'
import { expelRevoked } from '../rights/revoked.js'
import { Orphans } from './orphans.js'
import { Admission, type Caller, type SessionOf } from '../listen/admission.js'
import { SessionTransfer } from './session-transfer.js'
import { clientOf, type Session, type SessionOptions } from './session.js'
import { Sessions } from './sessions.js'
import type { HostStore } from '../store/host-store.js'
import type { HandlerService } from '../calls/unregister.js'
import { Vans } from '../van/vans.js'

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
  /** Bytes of the messages that wait in one van. Publishers wait beyond that. Default 512 MiB. */
  readonly vanMemory?: number
  /** Milliseconds during which an id of a publish is remembered. Default 120,000. */
  readonly dedupe?: number | undefined
  /** Bytes of all waiting messages and of what clients have not read. Default 1 GiB. */
  readonly hostMemory?: number
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
  readonly control?: HostAnswers
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

/** Owns the host's sessions, vans and backbone. Knows no sockets. */
export class SessionManager {
  readonly #options: SessionManagerOptions
  readonly #maxPayload: number
  readonly #vans: Vans
  readonly #members: HostList
  /** Of waiting messages, and of frames that clients have not read. */
  readonly memory: ByteBudget
  /** Joins this host to others. */
  readonly backbone: HostBackbone
  readonly #sessions: Sessions
  readonly #stallWatch: StallWatch
  readonly #admission: Admission
  /** The way of all this into another process. */
  readonly transfer: SessionTransfer
  readonly #actors: ActorDirectory | undefined
  #store: HostStore | undefined
  readonly #orphans: Orphans
  #isClosing = false
  readonly #usage: Usage = {
    subscriptions: principal => this.#sessions.subscriptionsOf(principal),
    names: principal => this.#vans.namesOf(principal),
  }

  constructor(options: SessionManagerOptions) {
    this.#options = options
    this.memory = new ByteBudget(options.hostMemory ?? DEFAULT_HOST_BYTES)
    this.#maxPayload = options.maxPayload ?? DEFAULT_MAX_PAYLOAD
    this.#members = new HostList(options.hostStatus)
    this.backbone = this.#make(options.backbone ?? (({ members }) => alone(members)))
    this.#vans = this.#newVans(options)
    this.#members.watch(() => this.#vans.publishHere(HOSTS_TOPIC, this.#members.list()))
    this.#stallWatch = new StallWatch(
      () => this.#sessions,
      text => options.warn?.(text),
      options.stallAfter,
    )
    const { sessionTtl = DEFAULT_SESSION_TTL_MS } = options
    this.#sessions = new Sessions({
      sessionTtl,
      changed: () => this.#changed(),
      ...(options.isGone === undefined ? {} : { isGone: options.isGone }),
    })
    this.#orphans = new Orphans({
      sessionTtl,
      sessions: this.#sessions,
      end: isAwaited => this.#vans.endOrphans(isAwaited),
    })
    this.#admission = new Admission({
      secrets: options,
      sessions: this.#sessions,
      maxPayload: this.#maxPayload,
      isClosing: () => this.#isClosing,
      van: van => this.#vans.get(van),
      sessionOptions: of => this.#sessionOptions(of),
    })
    this.transfer = new SessionTransfer({
      sessions: this.#sessions,
      admission: this.#admission,
      vans: this.#vans,
      backbone: this.backbone,
      principals: options.principals,
      host: () => options.hostStatus().id,
      sessionOptions: of => this.#sessionOptions(of),
      shut: () => {
        this.#isClosing = true
      },
    })
    this.#watchPrincipals(options.principals)
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
    this.#orphans.await()
  }

  /** Resolves when everything taken in is on the disk, if there is a store. */
  async keptAll(): Promise<void> {
    for (const van of [...this.#vans.all()]) await van.kept()
  }

  /** The store keeps the present messages, and no later change. */
  async freeze(): Promise<void> {
    this.#isClosing = true
    this.#orphans.close()
    await this.#vans.freeze()
  }

  /** Ends all sessions, and lets no client in any more. */
  endSessions(): void {
    this.#isClosing = true
    this.#stallWatch.end()
    this.#sessions.endAll()
  }

  async closeVans(): Promise<void> {
    this.#actors?.close()
    await this.backbone.close?.()
    await this.#vans.close()
  }

  /** Opens the vans that stay open without clients. */
  open(): void {
    for (const van of this.backbone.homes ?? []) this.#vans.get(van)
  }

  #make(backbone: MakeBackbone): HostBackbone {
    return backbone({
      members: this.#members,
      sessionTtl: this.#options.sessionTtl ?? DEFAULT_SESSION_TTL_MS,
      endSession: (client, how) => this.#sessions.endClient(client, how),
      warn: text => this.#options.warn?.(text),
    })
  }

  #newVans({
    hostStatus,
    idPrefix,
    names,
    warn,
    principals,
    vanMemory = DEFAULT_VAN_BYTES,
    dedupe,
  }: SessionManagerOptions): Vans {
    return new Vans({
      ...{ hostStatus, idPrefix, names, warn, vanMemory, dedupe },
      ...{ backbone: () => this.backbone, budget: this.memory },
      letterMemory: new LetterMemory(this.memory.max * LETTER_SHARE),
      sees: ({ principal, sight }, topic) =>
        (principal === undefined || principals?.sees(principal, topic) !== false) &&
        (sight === undefined || viewOf(sight).sees(topic)),
      sights: {
        of: principal => principals?.sightOf(principal) ?? noSight(principal),
        check: principal => principals?.get(principal)?.checkSight(),
      },
      memory: () => (this.#store === undefined ? this.transfer.memory : this.#store.id),
      answer: (van, name, args) => answerHere(van, name, args, this.#servicesHere),
    })
  }

  get #servicesHere() {
    const { handlers, principals } = this.#options
    const clients = (van: string): Session[] => this.#sessions.of(van)
    const { letters } = this.#vans
    return { handlers, actors: this.#actors, clients, letters, refused: () => principals?.refusedSoFar }
  }

  #watchPrincipals(principals: Principals | undefined): void {
    const look = (): void => {
      if (principals !== undefined)
        expelRevoked(principals, this.#sessions, (session, why) => this.#admission.expel(session, why))
    }
    principals?.watch({
      changed: changed => {
        this.#vans.renewRights(changed)
        look()
      },
      look,
    })
  }

  /** Registers a named subscription, and replaces the one of that name in the whole van. */
  replace(
    van: string,
    request: SubscriptionRequest & { readonly name: string },
  ): Promise<number | undefined> {
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
      memory: this.memory,
      ...{ usage: this.#usage, given: this.#sessions.given },
      exceeded: (session, error) => {
        if (!this.#admission.disconnect(session, error)) return
        this.#options.warn?.(`${clientOf(session)}, of the van ${session.van.name}: ${error.message}`)
      },
      answer: (session, { method, args }) =>
        answer(session, method, args, {
          ...this.#servicesHere,
          control: this.#options.control,
          hosts: () => this.#members.list(),
          followers: this.backbone.followers,
        }),
    }
  }

  #changed(): void {
    this.#admission.sweep()
    this.#vans.sweep(this.#sessions.vans)
    this.#options.changed?.()
  }
}
