import type { RetainedFrame } from '../../wire/link.js'
import type { Fields } from '../../wire/frames/fields.js'
import { admit } from '../backbone/introduction.js'
import type { FollowerSession } from '../backbone/leader/follower-session.js'
import type { HostBackbone } from '../backbone/make-backbone.js'
import type { Access, Principals } from '../rights/principals.js'
import type { Van } from '../van/van.js'
import type { Vans } from '../van/vans.js'
import type { Admission, SessionOf } from '../listen/admission.js'
import type { Session, SessionOptions, SessionState } from './session.js'
import type { Sessions } from './sessions.js'

export interface SessionTransferOptions {
  readonly sessions: Sessions
  readonly admission: Admission
  readonly vans: Vans
  readonly backbone: HostBackbone
  readonly principals: Pick<Principals, 'get' | 'holds'> | undefined
  /** The id of this host. */
  readonly host: () => string
  readonly sessionOptions: (of: SessionOf) => Omit<SessionOptions, 'id'>
  /** Lets no client in any more. */
  readonly shut: () => void
}

/** The contents of a host's memory. */
export interface HeldInMemory {
  /** The name of this memory. */
  readonly memory: string
  readonly vans: readonly Van[]
  readonly sessions: readonly Session[]
}

/** Moves the contents of a host without a store from one process to the next. */
export class SessionTransfer {
  readonly #options: SessionTransferOptions
  #memory: string | undefined
  readonly #handedOver = new Set<string>()

  constructor(options: SessionTransferOptions) {
    this.#options = options
  }

  /** Identifies the messages of this host for clients: after a restart with another value they are lost. */
  get memory(): string {
    return (this.#memory ??= this.#options.host())
  }

  /**
   * Everything to hand over to another process.
   *
   * @throws UnsupportedError with a store
   */
  get held(): HeldInMemory {
    const { vans, sessions } = this.#options
    vans.checkMemory()
    return { memory: this.memory, vans: [...vans.all()], sessions: [...sessions.all()] }
  }

  /**
   * Everything was handed over to another process: this one does nothing more, and reports that only to clients that
   * stay.
   */
  abandon(stays: (session: Session) => boolean): void {
    const { sessions, admission, backbone, shut } = this.#options
    shut()
    backbone.abandon?.()
    for (const session of sessions.all()) if (!stays(session)) session.abandon()
    admission.abandon(stays)
  }

  /**
   * Another process follows this one, with the same store: the leader keeps its messages for that one. Call it before
   * the store is frozen.
   */
  async passOn(): Promise<void> {
    const { vans, sessions, admission, backbone, host, shut } = this.#options
    if (backbone.abandon === undefined) return
    const all = [...sessions.all()]
    const clientsOf = (name: string): string[] =>
      all.filter(({ van }) => van.name === name).map(({ client }) => client)
    const standing = { host: host(), vans: vans.standing(clientsOf) }
    await vans.keepStanding(standing, () => {
      shut()
      backbone.abandon?.()
      // What clients still want of the leader the next process does: nothing here may answer them any more.
      for (const session of all) session.abandon()
      admission.abandon(() => false)
    })
  }

  /**
   * Continues the memory of another process.
   *
   * @returns false if that hand-over is already here
   */
  continueFrom(memory: string, host: string, at: number): boolean {
    const act = `${host} ${at}`
    if (this.#handedOver.has(act)) return false
    this.#handedOver.add(act)
    this.#memory = memory
    this.#options.backbone.continueFrom?.(host)
    return true
  }

  van(name: string): Van {
    return this.#options.vans.get(name)
  }

  /** Whether the client of that session may still come in: this host may have other principals, or some at all. */
  admits({ principal, isLocalUser, van }: SessionState): boolean {
    const { principals } = this.#options
    if (principal === undefined) return isLocalUser || principals === undefined
    const access = this.#accessOf(principal)
    return access !== undefined && principals?.holds(access, van) === true
  }

  #accessOf({ name, token }: NonNullable<SessionState['principal']>): Access | undefined {
    const principal = this.#options.principals?.get(name)
    return principal && { principal, token }
  }

  /** Continues a session of another process. */
  resume(state: SessionState, retained: Iterable<RetainedFrame>): Session {
    const { sessions, sessionOptions } = this.#options
    const access = state.principal && this.#accessOf(state.principal)
    const session = sessions.restore({ ...sessionOptions({ ...state, access }), id: state.id })
    session.restore(state, retained)
    return session
  }

  /**
   * The client of a session is another host, which continues by the fields of its introduction.
   *
   * @throws UnsupportedError, InvalidOptionError, InvalidPatternError
   */
  admit(session: Session, subscription: number, fields: Fields): FollowerSession {
    return admit(this.#options.backbone.followers, session.van.name, session, subscription, fields)
  }

  /** The session is complete: it waits for its client now. */
  await(session: Session): void {
    session.restored()
    this.#options.sessions.away(session)
  }
}
