import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { HOSTS_TOPIC } from '../../bus/contract/hosts.js'
import type { HostStatus } from '../../bus/contract/status.js'
import { HostUnreachableError, ProtocolError, SessionLostError } from '../../errors.js'
import type { Channel, ChannelEnd, ChannelListener } from '../../wire/channel.js'
import type { Hello } from '../../wire/handshake.js'
import type { Call } from '../../wire/frames/control-frames.js'
import type { RetainedFrame } from '../../wire/link.js'
import { binary, type HostEvents } from '../../wire/protocol.js'
import type { Actors } from '../actors/actors.js'
import { ActorDirectory } from '../actors/cluster/actor-directory.js'
import { answer, answerHere } from '../calls/answer.js'
import { alone } from '../backbone/alone.js'
import type { Backbone, MakeBackbone } from '../backbone/backbone.js'
import { Members } from '../backbone/leader/members.js'
import { isLoopbackPeer } from '../listen/listeners.js'
import { ServerHandshake, refusalOf, type Authenticated, type Secrets } from '../listen/server-handshake.js'
import type { NameKeeper } from '../van/kept-names.js'
import { Liveness } from '../process/liveness.js'
import type { Session, SessionOptions, SessionState } from './session.js'
import { Sessions } from './sessions.js'
import type { HostStore } from '../store/host-store.js'
import type { HandlerService } from '../calls/unregister.js'
import { Vans, type Van } from '../van/vans.js'

export interface SessionManagerOptions extends Secrets {
  readonly hostStatus: () => HostStatus
  /** Milliseconds that a session waits for its client to come back. Default 60,000. */
  readonly sessionTtl?: number
  /** The largest payload, in bytes. Default 8 MiB. */
  readonly maxPayload?: number
  /** What may wait for one client that does not read, in bytes: beyond it nothing more is handed to it. Default 64 MiB. */
  readonly maxWaiting?: number
  /** What joins this host to others. Default: nothing. */
  readonly backbone?: MakeBackbone
  /** Stands before the ids of subscriptions, to tell those of several hosts apart. */
  readonly idPrefix?: string
  /** Takes note of named subscriptions. Default: nobody does. */
  readonly names?: NameKeeper | undefined
  /** Calls to the host itself, such as `stop`. */
  readonly control?: (method: string, args: unknown) => Promise<unknown>
  /**
   * Milliseconds between pings, and for the answer to one: a peer that answers no more is given up after twice that, on
   * either side; its session waits for it. Default 10,000.
   */
  readonly heartbeat?: number
  /** Milliseconds without progress after which a consumer with free places that is owed messages is a fault. Default 10,000. */
  readonly stallAfter?: number
  /** A client came or went for good. */
  readonly changed?: () => void
  /** What an operator should know. */
  readonly warn?: (text: string) => void
  /** Whether a process of this machine is dead, or this thread of it. Default: asks the system. */
  readonly isGone?: (pid: number, thread: number | undefined) => boolean
}

/** A client that has connected: its channel, and the address by which it reached this host. */
type Caller = Readonly<{ channel: Channel<HostEvents>; address: string }>

type SessionOf = Pick<SessionState, 'client' | 'van' | 'isLocalUser' | 'pid' | 'thread' | 'address'>

/** Calls that change nothing. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'ready',
  'status',
  'hosts',
  'deadLetters.list',
  'actors.find',
])

/** What is in a host's memory alone. */
export interface HeldInMemory {
  /** The name of this memory. */
  readonly memory: string
  readonly vans: readonly Van[]
  readonly sessions: readonly Session[]
}

export const HANDSHAKE_MS = 10_000

/** Makes sure of each client that connects, and gives it its session: a new one, or its own of before. Knows no sockets. */
export class SessionManager {
  /** Set by whoever runs handlers in this host. */
  handlers: HandlerService | undefined
  readonly #options: SessionManagerOptions
  readonly #maxPayload: number
  readonly #vans: Vans
  readonly #members: Members
  /** What joins this host to others. */
  readonly backbone: Backbone
  readonly #sessions: Sessions
  readonly #liveness: Liveness
  /** Which connection a session has right now. */
  readonly #channels = new Map<Session, Channel<HostEvents>>()
  #actors: ActorDirectory | undefined
  #memory: string | undefined
  #store: HostStore | undefined
  readonly #handedOver = new Set<string>()
  /** Calls that clients asked of a host before this one, answered when they are back. */
  readonly #askedBefore = new Map<Session, readonly Call[]>()
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
      memory: () => (this.#store === undefined ? this.memory : this.#store.id),
      answer: (van, method, args) =>
        answerHere(van, method, args, { handlers: this.handlers, actors: this.#actors }),
    })
    this.#members.watch(() => this.#vans.tell(HOSTS_TOPIC, this.#members.list()))
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
  }

  /** Set by whoever runs actors in this host. */
  set actors(here: Actors) {
    this.#actors = new ActorDirectory({
      here,
      handlers: () => this.handlers,
      backbone: this.backbone,
      van: van => this.#vans.get(van),
      patience: this.#options.heartbeat,
    })
  }

  /** Sessions, their clients connected or away. */
  get clients(): number {
    return this.#sessions.size
  }

  /** Nobody is there, nothing waits. */
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

  /** Ends a client's session as its death would. */
  endSession(client: string): void {
    this.#sessions.endClient(client)
  }

  /** What a host before this one kept comes back. Before anybody is greeted. */
  restore(store: HostStore): void {
    this.#store = store
    this.#vans.restore(store)
    this.#orphanage = setTimeout(() => this.#vans.endOrphans(), this.#options.sessionTtl ?? 60_000).unref()
  }

  /** By which a client knows whether what waits here, in memory or in a store, is what waited there before. */
  get memory(): string {
    return (this.#memory ??= this.#options.hostStatus().id)
  }

  /** All that goes to another process, if all of it is in this one's memory. */
  get held(): HeldInMemory {
    this.#vans.checkMemory()
    return { memory: this.memory, vans: [...this.#vans.all()], sessions: [...this.#sessions.all()] }
  }

  /** It was written down for another process: from now on nothing here counts, and no client hears of it but those that stay. */
  abandon(stays: (session: Session) => boolean): void {
    this.#isClosing = true
    this.backbone.abandon?.()
    for (const session of this.#sessions.all()) if (!stays(session)) session.abandon()
    for (const [session, channel] of this.#channels) {
      if (stays(session)) continue
      this.#channels.delete(session)
      channel.close()
    }
  }

  /** What waits here is what waited in the memory of another process. @returns false if all that was written down in this act is here */
  goOn(memory: string, host: string, at: number): boolean {
    const act = `${host} ${at}`
    if (this.#handedOver.has(act)) return false
    this.#handedOver.add(act)
    this.#memory = memory
    this.backbone.goOn?.(host)
    return true
  }

  /** Resolves when all that was taken in is on the disk, where there is one. */
  async keptAll(): Promise<void> {
    for (const van of [...this.#vans.all()]) await van.kept()
  }

  van(name: string): Van {
    return this.#vans.get(name)
  }

  /** The session of a client of another process goes on here, if the client comes back in time. */
  resume(state: SessionState, retained: Iterable<RetainedFrame>): Session {
    const session = this.#sessions.restore({ ...this.#sessionOptions(state), id: state.id })
    session.restore(state, retained)
    this.#askedBefore.set(session, state.calls)
    return session
  }

  /** All of it is there. */
  await(session: Session): void {
    this.#sessions.away(session)
  }

  /** What is owed at this moment is what a host with a store owes after its end. */
  async freeze(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#orphanage)
    await this.#vans.freeze()
  }

  /** Ends all sessions; nobody is let in any more. */
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

  /** Opens what is kept open though nobody uses it. */
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

  /** The van's named subscriptions are kept elsewhere, or here. */
  replace(van: string, request: SubscriptionRequest & { readonly name: string }): Promise<void> {
    return this.#vans.get(van).replace(request)
  }

  /** Somebody connected. @returns who listens to that channel from now on */
  greet(channel: Channel<HostEvents>, address: string): ChannelListener {
    const greeting = new ServerHandshake(this.#options)
    let session: Session | undefined
    const failed = (error: unknown): void => {
      clearTimeout(deadline)
      if (session !== undefined && this.#channels.get(session) === channel)
        this.#sessions.end(session, 'death')
      drop(channel, error)
    }
    const deadline = setTimeout(() => failed(new ProtocolError('The handshake took too long.')), HANDSHAKE_MS)
    const handle = (name: string, value: unknown): Promise<void> | void => {
      switch (name) {
        case 'hello':
          return greeting.hello(value).then(challenge => channel.send('challenge', challenge))
        case 'prove':
          return greeting.prove(value).then(greeted => {
            if (!channel.isOpen || this.#isClosing) return
            clearTimeout(deadline)
            session = this.#admit({ channel, address }, greeted)
          })
        case 'frame':
          if (session === undefined) throw new ProtocolError('A frame came before the handshake was over.')
          if (this.#channels.get(session) === channel) this.#receive(session, channel, value)
          return
        default:
          throw new ProtocolError('There is no such event.')
      }
    }
    return {
      event: (name, value) => {
        try {
          handle(name, value)?.catch(failed)
        } catch (error) {
          failed(error)
        }
      },
      ended: end => {
        clearTimeout(deadline)
        if (session !== undefined && this.#channels.get(session) === channel) this.#disconnected(session, end)
      },
    }
  }

  #receive(session: Session, channel: Channel<HostEvents>, bytes: unknown): void {
    session.receive(binary(bytes))
    if (!session.hasEnded) return
    // A goodbye came: the client waits for us to hang up.
    this.#sessions.end(session, 'goodbye')
    channel.close()
  }

  #disconnected(session: Session, { byPeer, isSilent = false }: ChannelEnd): void {
    this.#channels.delete(session)
    session.detach(isSilent)
    // A client that closed during the handshake does not even know of its session.
    if (byPeer && session.link.received === 0) this.#sessions.end(session, 'goodbye')
    else this.#sessions.away(session)
  }

  #admit(caller: Caller, { hello, prove, isLocalUser }: Authenticated): Session {
    const { channel } = caller
    const { session: wanted } = prove
    const found = wanted === undefined ? undefined : this.#sessions.find(wanted.id, hello.client, hello.van)
    // Who says that it received what was never sent, or less than it said before, has another past than this session: told
    // that it goes on, it would fail each time and come again for ever.
    const known = found?.link.fits(wanted?.received ?? 0) === true ? found : undefined
    const isRestored = known === undefined ? this.#vans.get(hello.van).knows(hello.client) : undefined
    const session = known ?? this.#begin(caller, hello, isLocalUser)
    const before = this.#channels.get(session)
    if (before !== undefined) {
      session.detach()
      drop(before, new SessionLostError('Another connection has taken over this session.'))
    }
    this.#channels.set(session, channel)
    this.#sessions.back(session)
    const { received } = session.link
    const { memory } = session.van
    channel.send('welcome', {
      session: session.id,
      resumed: known !== undefined,
      received,
      maxPayload: this.#maxPayload,
      ...(isRestored === undefined ? {} : { restored: isRestored }),
      ...(memory === undefined ? {} : { memory }),
    })
    session.attach(known === undefined ? 0 : (wanted?.received ?? 0), frame => channel.send('frame', frame))
    this.#answerAgain(session)
    return session
  }

  /** What only asks is asked again; what may have been done is not done twice. */
  #answerAgain(session: Session): void {
    const calls = this.#askedBefore.get(session) ?? []
    this.#askedBefore.delete(session)
    for (const call of calls) {
      if (REPEATABLE.has(call.method)) session.answerAgain(call)
      else
        session.refuse(
          call,
          new HostUnreachableError(
            'The host was restarted before it answered: it is not known whether that was done. Look, and ask again.',
          ),
        )
    }
  }

  #begin({ address }: Caller, { client, van, pid, thread }: Hello, isLocalUser: boolean): Session {
    this.#giveUp(client, van)
    // Elsewhere the numbers mean another process.
    const isHere = isLocalUser && isLoopbackPeer(address)
    const of = isHere ? { pid, thread } : { pid: undefined, thread: undefined }
    return this.#sessions.begin(this.#sessionOptions({ client, van, isLocalUser, address, ...of }))
  }

  #sessionOptions({ client, van, isLocalUser, pid, thread, address }: SessionOf): Omit<SessionOptions, 'id'> {
    return {
      ...{ client, isLocalUser, pid, thread, address },
      van: this.#vans.get(van),
      maxPayload: this.#maxPayload,
      maxWaiting: this.#options.maxWaiting ?? 64 * 1024 * 1024,
      answer: (session, method, args) =>
        answer(session, method, args, {
          handlers: this.handlers,
          actors: this.#actors,
          control: this.#options.control,
          hosts: () => this.#members.list(),
        }),
    }
  }

  /** A client that begins anew has given up what it had. Whoever still speaks for that is another one by the same name. */
  #giveUp(client: string, van: string): void {
    const others = [...this.#channels].filter(
      ([session]) => session.client === client && session.van.name === van,
    )
    this.#sessions.giveUp(client, van)
    for (const [, channel] of others)
      drop(channel, new SessionLostError('Another connection has begun a new session as this client.'))
  }

  #changed(): void {
    for (const session of this.#channels.keys()) if (session.hasEnded) this.#channels.delete(session)
    this.#vans.sweep(van => this.#sessions.uses(van))
    this.#options.changed?.()
  }
}

/** Tells why, then ends the connection. */
function drop(channel: Channel<HostEvents>, error: unknown): void {
  if (!channel.isOpen) return
  channel.send('refused', refusalOf(error))
  channel.close()
}
