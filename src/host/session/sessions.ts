import { newId } from '../../message/new-id.js'
import type { Membership } from '../../bus/contract/broker.js'
import { longTimeout } from '../../bus/long-timeout.js'
import { isThreadGone } from '../../state/own-thread.js'
import { isAlive } from '../../state/pid-hint.js'
import type { SessionEnd } from './consumers/remote-consumers.js'
import type { Hello } from '../../wire/handshake.js'
import type { Access } from '../rights/principals.js'
import { REPLIES } from '../../message/topic.js'
import { GivenAnswers } from './given-answers.js'
import { Session, type SessionOptions } from './session.js'

const FIRST_PID_CHECK_MS = 20

export interface SessionsOptions {
  /** Milliseconds that a session waits for its client to come back. */
  readonly sessionTtl: number
  /** The longest interval of looks for the process or thread of a client that is away. */
  readonly pidCheckMs?: number
  /** Whether a process of this machine, or this thread of it, is dead. Default: asks the system. */
  readonly isGone?: (pid: number, thread: number | undefined) => boolean
  /** A session began or ended. */
  readonly changed: () => void
}

type NewSession = Omit<SessionOptions, 'id'>

/** All sessions of a host, with connected clients or with clients that may come back. */
export class Sessions {
  readonly given = new GivenAnswers()
  readonly #options: SessionsOptions
  readonly #sessions = new Map<string, Session>()
  readonly #away = new Map<Session, () => void>()

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values()
  }

  get size(): number {
    return this.#sessions.size
  }

  /** The names of the vans that have sessions. */
  get vans(): Set<string> {
    const names = new Set<string>()
    for (const session of this.#sessions.values()) names.add(session.van.name)
    return names
  }

  /** The client's session of that id, if it exists and belongs to it. */
  find(id: string, { client, van }: Pick<Hello, 'client' | 'van'>, access: Access | undefined) {
    const session = this.#sessions.get(id)
    const isOwn = session?.client === client && session.van.name === van
    return isOwn && session.access?.principal === access?.principal ? session : undefined
  }

  of(van: string): Session[] {
    return [...this.#sessions.values()].filter(session => session.van.name === van)
  }

  /** The number of subscriptions of a principal, but those for answers to it. */
  subscriptionsOf(principal: string): number {
    let count = 0
    for (const { access, consumers } of this.#sessions.values())
      if (access?.principal.name === principal)
        for (const { joined } of consumers) if (joined === undefined || !isForAnswers(joined)) count += 1
    return count
  }

  /** Whether another principal has a session by this id of a client: one principal cannot take over a session of another. */
  isOfAnother(client: string, access: Access | undefined): boolean {
    for (const session of this.#sessions.values())
      if (session.client === client && session.access?.principal !== access?.principal) return true
    return false
  }

  /** A client that begins anew has given up its former sessions. */
  giveUp(client: string, van: string): void {
    for (const session of [...this.#sessions.values()]) {
      if (session.client === client && session.van.name === van) this.end(session, 'goodbye')
    }
  }

  begin(options: NewSession): Session {
    const session = new Session({ ...options, id: newId(18) })
    this.#sessions.set(session.id, session)
    this.#options.changed()
    return session
  }

  all(): Iterable<Session> {
    return this.#sessions.values()
  }

  /** A session of another process continues here: its client is on its way. */
  restore(options: SessionOptions): Session {
    const session = new Session(options)
    this.#sessions.set(session.id, session)
    this.#options.changed()
    return session
  }

  /** Its client is connected: again, or for the first time. */
  back(session: Session): void {
    this.#away.get(session)?.()
    this.#away.delete(session)
  }

  /** Its connection is gone. The session waits, unless the process or the thread is dead. */
  away(session: Session): void {
    if (!this.#sessions.has(session.id) || this.#away.has(session)) return
    const { sessionTtl, pidCheckMs = 1_000 } = this.#options
    if (this.#isGone(session)) return this.end(session, 'death')
    const cancelExpiry = longTimeout(() => this.end(session, 'death'), sessionTtl)
    // Sockets close a moment before their process is gone: this looks for it soon, and then less and less often.
    let wait = FIRST_PID_CHECK_MS
    const look = (): void => {
      if (this.#isGone(session)) return this.end(session, 'death')
      wait = Math.min(2 * wait, pidCheckMs)
      check = setTimeout(look, wait)
    }
    let check = setTimeout(look, wait)
    this.#away.set(session, () => {
      cancelExpiry()
      clearTimeout(check)
    })
  }

  end(session: Session, how: SessionEnd): void {
    this.back(session)
    session.end(how)
    if (this.#sessions.delete(session.id)) this.#options.changed()
  }

  endClient(client: string, how: SessionEnd = 'death'): void {
    for (const session of [...this.#sessions.values()]) if (session.client === client) this.end(session, how)
  }

  endAll(): void {
    for (const session of [...this.#sessions.values()]) this.end(session, 'goodbye')
  }

  /** Unknown counts as present. */
  #isGone({ pid, thread }: Session): boolean {
    return pid !== undefined && (this.#options.isGone ?? isGone)(pid, thread)
  }
}

/** It is the address of its client for answers. */
function isForAnswers({ pattern }: Membership): boolean {
  return typeof pattern === 'string' && pattern.startsWith(REPLIES)
}

function isGone(pid: number, thread: number | undefined): boolean {
  return !isAlive(pid) || (thread !== undefined && isThreadGone(pid, thread))
}
