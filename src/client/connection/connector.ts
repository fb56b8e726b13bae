import { describe, HostUnreachableError, MsgvanError, NotInstalledError } from '../../errors.js'
import type { ClientIdentity } from '../../wire/client-identity.js'
import type { Prove, Welcome } from '../../wire/handshake.js'
import { Connection, isForGood } from './connection.js'
import type { Credential } from './credential.js'
import type { Dial, Located, TlsOptions } from './dial-socket.js'

export interface ConnectorOptions {
  /** Default: by socket.io. */
  readonly dial?: Dial | undefined
  readonly tls?: TlsOptions | undefined
  readonly van: string
  /** Called before each attempt. */
  readonly client: () => Promise<ClientIdentity>
  readonly pid?: number | undefined
  readonly thread?: number | undefined
  readonly credential: () => Promise<Credential | undefined>
  /** Returns the host's place. Called before each attempt, so it can find or start a host. */
  readonly locate: () => Promise<string | Located>
  /** Milliseconds before the first and between later attempts; each is drawn from half of it to all of it. */
  readonly backoff: { readonly initial: number; readonly max: number }
}

export interface ConnectorOwner {
  session(): Prove['session']
  welcome(welcome: Welcome, connection: Connection): void
  /** @throws ProtocolError */
  frame(bytes: Uint8Array): void
  /** The connection that was up is gone. Another attempt follows. */
  disconnected(error: MsgvanError): void
  /** The server accepts connections and does not answer. The attempt goes on. */
  silent(error: MsgvanError): void
  /** An attempt failed. Another follows in any case. @param isFinal the reason does not change by itself */
  failed(error: MsgvanError, isFinal: boolean): void
}

/** Keeps one connection up until it is stopped. */
export class Connector {
  readonly #options: ConnectorOptions
  readonly #owner: ConnectorOwner
  #connection: Connection | undefined
  #isUp = false
  #isStopped = false
  #attempts = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ConnectorOptions, owner: ConnectorOwner) {
    this.#options = options
    this.#owner = owner
  }

  start(): void {
    this.#attempt().catch((error: unknown) => {
      if (this.#isStopped) return
      const known = error instanceof MsgvanError
      this.#owner.failed(
        known ? error : new HostUnreachableError(`No host was found: ${describe(error)}`, { cause: error }),
        true,
      )
      this.#retry()
    })
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#connection?.close()
    this.#connection = undefined
  }

  async #attempt(): Promise<void> {
    const { van, pid, thread, tls, locate } = this.#options
    const located = await locate()
    const { url, open } = typeof located === 'string' ? { url: located, open: undefined } : located
    const dial = this.#options.dial ?? (await dialSocket(tls, open))
    const credential = await this.#options.credential()
    const client = await this.#options.client()
    if (this.#isStopped) return
    const session = () => this.#owner.session()
    const connection: Connection = new Connection(
      { dial, url, van, client, pid, thread, credential, session },
      {
        welcome: welcome => {
          this.#isUp = true
          this.#attempts = 0
          this.#owner.welcome(welcome, connection)
        },
        frame: bytes => this.#owner.frame(bytes),
        silent: error => this.#owner.silent(error),
        lost: error => this.#lost(error),
      },
    )
    this.#connection = connection
  }

  #lost(error: MsgvanError): void {
    const wasUp = this.#isUp
    this.#isUp = false
    this.#connection = undefined
    if (this.#isStopped) return
    if (wasUp) this.#owner.disconnected(error)
    if (!wasUp || isForGood(error)) this.#owner.failed(error, isForGood(error))
    this.#retry()
  }

  #retry(): void {
    // Owners may have stopped it in their callbacks.
    if (this.#isStopped) return
    const { initial, max } = this.#options.backoff
    const ceiling = Math.min(max, initial * 2 ** this.#attempts)
    this.#attempts++
    this.#timer = setTimeout(() => this.start(), ceiling * (0.5 + Math.random() / 2))
  }
}

/** Loads socket.io late: an embedded bus never needs it, and loading takes time. */
async function dialSocket(tls: TlsOptions | undefined, open: Located['open']): Promise<Dial> {
  try {
    return (await import('./dial-socket.js')).dialSocket(tls, open)
  } catch (error) {
    // In an ES module that esbuild has bundled, the CommonJS modules inside have no `require`.
    if (!(error instanceof Error && error.message.startsWith('Dynamic require of'))) throw error
    throw new NotInstalledError(
      `This bundle cannot load socket.io (${error.message}). Make msgvan external in your bundler and install it where the app runs, or bundle to CommonJS.`,
      { cause: error },
    )
  }
}
