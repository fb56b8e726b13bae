import { isWorkerOfOthers } from '../../workers/worker-client.js'
import {
  AuthError,
  HostUnreachableError,
  LimitError,
  ProtocolError,
  SessionLostError,
  type MsgvanError,
} from '../../errors.js'
import type { Channel, ChannelEnd, ChannelListener } from '../../wire/channel.js'
import type { Hello } from '../../wire/handshake.js'
import { binary, type HostEvents } from '../../wire/protocol.js'
import { mayHaveMore } from '../limits/usage.js'
import type { Access } from '../rights/principals.js'
import {
  ServerHandshake,
  refusalOf,
  type Authenticated,
  type ByTls,
  type Secrets,
} from './server-handshake.js'
import type { Van } from '../van/van.js'
import type { Session, SessionOptions, SessionState } from '../session/session.js'
import type { Sessions } from '../session/sessions.js'

export const HANDSHAKE_MS = 5_000
/** The time is counted in looks: after a standstill of this process, it reads the waiting data first. */
const HANDSHAKE_LOOKS = 10

/** The way by which a client reached this host. */
export interface Caller {
  /** '' by the local socket. */
  readonly address: string
  /** Names the connection as both sides see it; undefined when it leaves this machine. */
  readonly ends: string | undefined
  /** Undefined: it came without TLS. */
  readonly tls?: ByTls | undefined
  /** Called when the client has proved itself. */
  readonly proved?: () => void
}

/** The parts of a session that come from its client. */
export type SessionOf = Pick<SessionState, 'client' | 'van' | 'isLocalUser' | 'pid' | 'thread' | 'address'> &
  Pick<SessionOptions, 'access'>

/** The host, as admission uses it. */
export interface AdmissionOptions {
  readonly secrets: Secrets
  readonly sessions: Sessions
  readonly maxPayload: number
  readonly isClosing: () => boolean
  readonly van: (name: string) => Van
  readonly sessionOptions: (of: SessionOf) => Omit<SessionOptions, 'id'>
}

/** Authenticates each client that connects, and gives it a session: a new one, or its former one. */
export class Admission {
  readonly #options: AdmissionOptions
  /** The present connection of each session. */
  readonly #channels = new Map<Session, Channel<HostEvents>>()

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  /** Closes all connections except those of sessions that stay. */
  abandon(stays: (session: Session) => boolean): void {
    for (const [session, channel] of this.#channels) {
      if (stays(session)) continue
      this.#channels.delete(session)
      channel.close()
    }
  }

  /** Ends the session, and tells its client why. */
  expel(session: Session, error: MsgvanError): void {
    const channel = this.#channels.get(session)
    this.#channels.delete(session)
    if (channel !== undefined) drop(channel, error)
    this.#options.sessions.end(session, 'death')
  }

  /**
   * Closes the connection of a session, and tells its client why. The session waits for it.
   *
   * @returns false if it has no connection
   */
  disconnect(session: Session, error: MsgvanError): boolean {
    const channel = this.#channels.get(session)
    if (channel === undefined) return false
    this.#channels.delete(session)
    drop(channel, error)
    session.detach()
    this.#options.sessions.away(session)
    return true
  }

  /** Forgets the connections of sessions that have ended. */
  sweep(): void {
    for (const session of this.#channels.keys()) if (session.hasEnded) this.#channels.delete(session)
  }

  /** A client connected. @returns the listener for its channel */
  greet(channel: Channel<HostEvents>, { address, ends, tls, proved: onProved }: Caller): ChannelListener {
    const handshake = new ServerHandshake(this.#options.secrets, ends, tls)
    let session: Session | undefined
    const failed = (error: unknown): void => {
      clearTimeout(deadline)
      if (session !== undefined && this.#channels.get(session) === channel) {
        if (error instanceof LimitError) this.disconnect(session, error)
        else this.#options.sessions.end(session, 'death')
      }
      drop(channel, error)
    }
    let looks = 0
    const look = (): void => {
      looks += 1
      if (looks > HANDSHAKE_LOOKS) failed(slowHandshake())
      else deadline = setTimeout(look, HANDSHAKE_MS / HANDSHAKE_LOOKS)
    }
    let deadline: NodeJS.Timeout | undefined
    look()
    const handle = (name: string, value: unknown): Promise<void> | void => {
      switch (name) {
        case 'hello':
          return handshake.hello(value).then(challenge => channel.send('challenge', challenge))
        case 'prove':
          return handshake.prove(value).then(proved => {
            if (!channel.isOpen || this.#options.isClosing()) return
            clearTimeout(deadline)
            onProved?.()
            session = this.#admit(channel, address, proved)
          })
        case 'frame':
          if (session === undefined) throw new ProtocolError('A frame came before the handshake was over.')
          if (this.#channels.get(session) === channel) this.#receive(session, channel, value)
          return
        default:
          throw new ProtocolError(
            'The client sent an unknown event. It runs another version, or is not msgvan.',
          )
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
    // A goodbye came: the client waits until we hang up.
    this.#options.sessions.end(session, 'goodbye')
    channel.close()
  }

  #disconnected(session: Session, { byPeer, isSilent = false }: ChannelEnd): void {
    this.#channels.delete(session)
    session.detach(isSilent)
    // A client that closed during the handshake does not even know of its session.
    if (byPeer && session.link.received === 0) this.#options.sessions.end(session, 'goodbye')
    else this.#options.sessions.away(session)
  }

  #admit(
    channel: Channel<HostEvents>,
    address: string,
    { hello, prove, isLocalUser, access }: Authenticated,
  ): Session {
    const { session: wanted } = prove
    if (this.#options.sessions.isOfAnother(hello.client, access))
      throw new AuthError('Another principal has a session by the id of this client.')
    this.#checkConnections(hello, access)
    const found = wanted === undefined ? undefined : this.#options.sessions.find(wanted.id, hello, access)
    // A client that claims to have received frames that were never sent, or fewer than it reported before, has another
    // past than this session. If it resumed, it would fail each time and come again for ever.
    const known = found?.link.fits(wanted?.received ?? 0) === true ? found : undefined
    const isRestored = known === undefined ? this.#options.van(hello.van).knows(hello.client) : undefined
    const session = known ?? this.#begin(address, hello, { isLocalUser, access })
    const before = this.#channels.get(session)
    if (before !== undefined) {
      session.detach()
      drop(before, new SessionLostError('Another connection has taken over this session.'))
    }
    this.#channels.set(session, channel)
    this.#options.sessions.back(session)
    const { received } = session.link
    const { memory } = session.van
    channel.send('welcome', {
      session: session.id,
      resumed: known !== undefined,
      received,
      maxPayload: this.#options.maxPayload,
      ...(isRestored === undefined ? {} : { restored: isRestored }),
      ...(memory === undefined ? {} : { memory }),
    })
    session.attach(known === undefined ? 0 : (wanted?.received ?? 0), frame => channel.send('frame', frame))
    session.calls.answerBefore()
    return session
  }

  /** Those that this client is about to give up do not count, nor those of this host's own workers. @throws LimitError */
  #checkConnections({ client, van }: Hello, access: Access | undefined): void {
    if (access?.token === undefined) return
    const { principal } = access
    mayHaveMore(principal, 'connections', () => {
      const others = [...this.#channels.keys()].filter(
        each =>
          each.access?.principal === principal &&
          each.access.token !== undefined &&
          !(each.client === client && each.van.name === van),
      )
      return others.length
    })
  }

  #begin(
    address: string,
    { client, van, pid, thread }: Hello,
    { isLocalUser, access }: Pick<Authenticated, 'isLocalUser' | 'access'>,
  ): Session {
    this.#giveUp(client, van)
    const isOfUser = isLocalUser && !isWorkerOfOthers(client)
    // On another machine the numbers mean another process; the secret is for this one only.
    const of = isLocalUser ? { pid, thread } : { pid: undefined, thread: undefined }
    return this.#options.sessions.begin(
      this.#options.sessionOptions({ client, van, isLocalUser: isOfUser, access, address, ...of }),
    )
  }

  /**
   * A client that begins anew has given its sessions up. A connection that still uses one is another client of the same
   * name.
   */
  #giveUp(client: string, van: string): void {
    const others = [...this.#channels].filter(
      ([session]) => session.client === client && session.van.name === van,
    )
    this.#options.sessions.giveUp(client, van)
    for (const [, channel] of others)
      drop(channel, new SessionLostError('Another connection has begun a new session as this client.'))
  }
}

/** Reports the reason, then ends the connection. */
function drop(channel: Channel<HostEvents>, error: unknown): void {
  if (!channel.isOpen) return
  channel.send('refused', refusalOf(error))
  channel.close()
}

/** The network may have stood still: the client tries again, as after any lost connection. */
function slowHandshake(): HostUnreachableError {
  return new HostUnreachableError(
    `The host got no proof within ${HANDSHAKE_MS / 1_000} s: the connection, or the client, was too slow.`,
  )
}
