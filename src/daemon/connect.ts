import { RemoteBroker } from '../client/remote-broker.js'
import { credentialOf, type Credential } from '../client/connection/credential.js'
import { leaderUrl, port as checkPort, portSetting } from '../host/process/settings.js'
import { HostUnreachableError, InvalidOptionError, MsgvanError, PortTakenError } from '../errors.js'
import { identify, portTaken } from './find/identify.js'
import { isJwt } from '../wire/jwt-form.js'
import type { Located } from '../client/connection/dial-socket.js'
import { hostUrl, somebodyListens } from './find/listens.js'
import { localPlace } from './find/local-place.js'
import { statePaths, type StatePaths } from '../state/paths.js'
import type { LocalOptions } from './local-options.js'
import { readPidHint } from '../state/pid-hint.js'
import { ownThread } from '../state/own-thread.js'
import { ownCredential } from '../state/secret.js'

/** If a host does not start, the next attempt waits this long, later ones twice as long each, up to the most. */
const FIRST_PAUSE_MS = 1_000
const MOST_PAUSE_MS = 60_000

/**
 * A Broker in this machine's host, which it starts if need be. It restarts a host that was killed later. It does not
 * restart one that was stopped in order: its clients wait for the next.
 *
 * @throws InvalidOptionError
 */
export function connectLocal(options: LocalOptions): RemoteBroker {
  const { van, maxPayload, readyTimeout = 30_000 } = options
  const leader = options.join === undefined ? undefined : leaderUrl(options.join)
  const host = new LocalHost(options)
  const broker = new RemoteBroker({
    van,
    locate: () => host.locate(),
    isHostAwaited: error => host.isAwaited(error),
    isHostEnded: () => host.isEnded,
    secret: () => host.credential(),
    pid: process.pid,
    thread: ownThread(),
    readyTimeout,
    ...(maxPayload === undefined ? {} : { maxPayload }),
  })
  const refused = (error: unknown): void => {
    // A refusal by the host; other code reports all other errors.
    if (host.isThere && error instanceof MsgvanError) broker.report(error)
  }
  const offer = (): void => {
    if (options.capabilities !== undefined)
      broker.callHost('capabilities', options.capabilities).catch(refused)
    if (options.leader === true || leader !== undefined)
      broker.callHost('joining').then(joining => {
        const trouble = misfit(joining as Joining, leader, options.listen)
        if (trouble !== undefined) broker.report(trouble)
      }, refused)
  }
  // Before all requests of the app.
  offer()
  broker.state$.subscribe(state => {
    // A host that another process started may not know.
    if (state === 'connected' && host.wasReached) offer()
    host.isThere = state === 'connected'
    if (state === 'connected') host.wasReached = true
  })
  return broker
}

/** The options that join a host to others. */
interface Joining {
  readonly leader: boolean
  readonly join: string | undefined
  readonly listen?: string
}

/** How the present host differs from the requested one. */
function misfit(
  { leader, join, listen }: Joining,
  wanted: string | undefined,
  own: string | undefined,
): MsgvanError | undefined {
  if (wanted !== undefined && join === wanted) return undefined
  if (wanted === undefined && leader && (own === undefined || listen === own)) return undefined
  const leads = own === undefined || listen === undefined ? 'leads' : `leads at ${listen}`
  const is = leader ? leads : join === undefined ? 'is by itself' : `has joined ${join}`
  const flag = wanted === undefined ? `--leader --listen ${own ?? 'ADDRESS'}` : `--join ${wanted}`
  return new InvalidOptionError(
    `This machine's host was running already, and ${is}. Start it anew: \`msgvan restart ${flag}\`.`,
  )
}

/**
 * Whether publishes wait although no host can be found or started for now. One that was there may owe messages, and
 * comes again. docs/errors.md has the whole rule.
 */
export function isHostAwaited(error: MsgvanError, wasThere: boolean): boolean {
  return wasThere && (error instanceof HostUnreachableError || error instanceof PortTakenError)
}

/** The place of this machine's host, and its capabilities. */
class LocalHost {
  wasReached = false
  isThere = false
  /** None listens, and this bus starts none. */
  isEnded = false
  readonly #port: number
  readonly #paths: StatePaths = statePaths()
  readonly #options: LocalOptions
  #attempts = 0
  /** A host was there before this process, so its options are known. */
  #wasThere = false
  /** The reason why no host could be started, and the time of the next try. */
  #trouble: { readonly error: unknown; readonly until: number; readonly pause: number } | undefined

  constructor(options: LocalOptions) {
    this.#options = options
    this.#port = options.port === undefined ? portSetting(undefined) : checkPort(options.port)
  }

  /**
   * @throws HostUnreachableError if none could be started, PortTakenError
   */
  async locate(): Promise<string | Located> {
    const port = this.#port
    this.#attempts += 1
    // A timeout alone proves nothing: a host that stands still may be busy with all its clients.
    const isThere = await somebodyListens(port).catch(() => true)
    this.isEnded = !isThere && !(await this.#mayStart())
    if (!isThere && !this.isEnded) await this.#start()
    else if (isThere && this.#attempts > 1 && (await identify(port)) === 'a stranger') {
      // Not at the first attempt: nearly always a host is there, and the handshake shows that just as well.
      throw portTaken(port)
    }
    return this.#hostToken === undefined ? localPlace(this.#paths, port) : hostUrl(port)
  }

  isAwaited(error: MsgvanError): boolean {
    return isHostAwaited(error, this.wasReached || this.#wasThere)
  }

  async credential(): Promise<Credential> {
    const { token } = this.#options
    if (token !== undefined) return credentialOf(token)
    return ownCredential(this.#paths)
  }

  /** A host that is started now takes it. A JWT is for a principal, and goes by the local socket. */
  get #hostToken(): string | undefined {
    const { token } = this.#options
    return typeof token === 'string' && !isJwt(token.trim()) ? token : undefined
  }

  /** A host that ended in order took its pid file away: its user does not want another start. */
  async #mayStart(): Promise<boolean> {
    if (this.#options.autoStart === false) return false
    return !this.wasReached || (await readPidHint(this.#paths, this.#port)) !== undefined
  }

  /** The next host has the options of the one before, unless that is impossible. */
  async #mustFit(): Promise<void> {
    const { mustFitBefore } = await import('./fits-before.js')
    try {
      this.#wasThere = await mustFitBefore(
        { ...this.#options, token: this.#hostToken },
        this.#paths,
        this.#port,
      )
    } catch (error) {
      this.#wasThere = true
      throw error
    }
  }

  async #start(): Promise<void> {
    const { verbose, leader, listen, join } = this.#options
    if (this.#trouble !== undefined && performance.now() < this.#trouble.until) throw this.#trouble.error
    try {
      await this.#mustFit()
      const { ensureHost } = await import('./ensure.js')
      // Capabilities are added once it runs: they are not a setting.
      await ensureHost({
        port: this.#port,
        paths: this.#paths,
        autoStart: true,
        auto: true,
        token: this.#hostToken,
        verbose,
        leader,
        listen,
        join,
      })
      this.#trouble = undefined
    } catch (error) {
      const pause = Math.min((this.#trouble?.pause ?? FIRST_PAUSE_MS / 2) * 2, MOST_PAUSE_MS)
      this.#trouble = { error, until: performance.now() + pause, pause }
      throw error
    }
  }
}
