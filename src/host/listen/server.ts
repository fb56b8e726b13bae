import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { version } from '../../version.js'
import { BATCH_BYTES, FRAME_OVERHEAD, type ClientEvents, type HostEvents } from '../../wire/protocol.js'
import { hostSocketParser } from '../../wire/socket-parser.js'
import { BeforeProof, type BeforeProofLimits } from './before-proof.js'
import { Listeners } from './listeners.js'
import type { TlsIdentity } from './tls-front.js'
import type { Backbone } from '../backbone/contract/backbone.js'
import { Origins, type RawConnection } from './origins.js'
import { DEFAULT_HEARTBEAT_MS } from '../limits/defaults.js'
import { HANDSHAKE_MS } from './admission.js'
import { SessionManager, type SessionManagerOptions } from '../session/session-manager.js'
import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import { socketChannel } from './socket-channel.js'
import type { HostStore } from '../store/host-store.js'

/** Time for clients to answer a goodbye. A client that is stopped or blocked does not answer. */
const GOODBYE_MS = 1_000

export interface HostServerOptions extends SessionManagerOptions {
  readonly port: number
  /** A socket of the system to listen on, too, for this user's processes. Default: none. */
  readonly localSocket?: string | undefined
  /** The address to listen on: loopback, or loopback and this one. Default 127.0.0.1. */
  readonly listen?: string | undefined
  /** Beyond loopback only TLS, with this certificate. Default: no TLS. */
  readonly tls?: TlsIdentity | undefined
  /** Clients wait for `openStore`, so that the store keeps their messages. Default false. */
  readonly awaitsStore?: boolean
  /** Clients wait for `ready`, so that their calls find handlers and actors. Default false. */
  readonly awaitsServices?: boolean
  /** Web pages that may connect, as their Origin. Default: none. */
  readonly origins?: readonly string[]
  /** The limits of connections without a proof. A spec has others. */
  readonly beforeProof?: Partial<BeforeProofLimits>
}

/** Listens for clients, and passes each to the session manager. Knows nothing of processes, files and signals. */
export class HostServer {
  readonly #options: HostServerOptions
  readonly #heartbeat: number
  readonly sessions: SessionManager
  readonly #http: HttpServer
  readonly #io: Server<ClientEvents, HostEvents>
  readonly #listeners: Listeners
  readonly #origins: Origins
  /** Clients wait until this is empty. */
  readonly #awaited = new Set<'store' | 'services'>()
  #opening: Promise<void> | undefined
  #letClientsIn: () => void = () => undefined

  constructor(options: HostServerOptions) {
    this.#options = options
    if (options.awaitsStore === true) this.#awaited.add('store')
    if (options.awaitsServices === true) this.#awaited.add('services')
    if (this.#awaited.size > 0) {
      this.#opening = new Promise(resolve => {
        this.#letClientsIn = () => {
          this.#opening = undefined
          resolve()
        }
      })
    }
    this.#heartbeat = options.heartbeat ?? DEFAULT_HEARTBEAT_MS
    this.sessions = new SessionManager(options)
    this.#http = createServer((_, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`msgvan host ${version}\n`)
    })
    const beforeProof = new BeforeProof({
      ...options.beforeProof,
      isHostClosed: () => this.#opening !== undefined,
      warn: text => options.warn?.(text),
    })
    this.#listeners = new Listeners(
      this.#http,
      beforeProof,
      options.tls,
      () => options.principals?.authorities,
    )
    this.#origins = new Origins(options.origins ?? [], text => options.warn?.(text))
    this.#io = new Server<ClientEvents, HostEvents>(this.#http, {
      serveClient: false,
      transports: ['websocket'],
      parser: hostSocketParser,
      perMessageDeflate: false,
      maxHttpBufferSize: (options.maxPayload ?? DEFAULT_MAX_PAYLOAD) + FRAME_OVERHEAD + BATCH_BYTES,
      connectTimeout: HANDSHAKE_MS,
      // Each client gets these when it connects, and uses them too.
      pingInterval: this.#heartbeat,
      pingTimeout: this.#heartbeat,
      allowRequest: (request, decide) => {
        if (this.#opening === undefined) decide(null, this.#mayConnect(request))
        else void this.#opening.then(() => decide(null, this.#mayConnect(request)))
      },
    })
    const patience = { patience: 2 * this.#heartbeat, warn: (text: string) => options.warn?.(text) }
    this.#io.engine.on('connection', (connection: RawConnection) => {
      beforeProof.upgraded(connection.request.socket)
      this.#origins.limit(connection)
    })
    this.#io.on('connection', socket => {
      if (this.#origins.refuses(socket)) return
      const { socket: connection } = socket.request
      const caller = {
        ...this.#listeners.callerOf(connection),
        proved: () => beforeProof.proved(connection),
      }
      socketChannel(socket, patience, channel => this.sessions.greet(channel, caller))
    })
  }

  /** Resolves when it listens; rejects with the system's own error (EADDRINUSE …). */
  async listen(): Promise<void> {
    const { port, listen, localSocket, warn } = this.#options
    try {
      await this.#listeners.open(port, listen)
      if (localSocket !== undefined) await this.#listeners.openLocal(localSocket, text => warn?.(text))
    } catch (error) {
      await this.close()
      throw error
    }
    if (this.#opening === undefined) this.sessions.open()
  }

  /** Restores the contents of a store. Lets clients in that wait for it (`awaitsStore`). */
  openStore(store: HostStore): void {
    this.sessions.restore(store)
    this.#arrived('store')
  }

  /** Handlers and actors can be called. Lets clients in that wait for it (`awaitsServices`). */
  ready(): void {
    this.#arrived('services')
  }

  /** Each as `address:port`. */
  get addresses(): string[] {
    return this.#listeners.addresses
  }

  /** The path of the local socket, if it listens there. */
  get localSocket(): string | undefined {
    return this.#listeners.localSocket
  }

  /** The real port, also if the options have 0. */
  get port(): number {
    return this.#listeners.port
  }

  /** The number of sessions. Their clients are connected or away. */
  get clients(): number {
    return this.sessions.clients
  }

  /** No session, no subscription, no message. */
  get isIdle(): boolean {
    return this.sessions.isIdle
  }

  get vans(): string[] {
    return this.sessions.vans
  }

  broker(van: string): LocalBroker {
    return this.sessions.broker(van)
  }

  get hostId(): string {
    return this.#options.hostStatus().id
  }

  /** Joins this host to others. */
  get backbone(): Backbone {
    return this.sessions.backbone
  }

  /** Registers a named subscription, and replaces the one of that name in the whole van. */
  replace(
    van: string,
    request: SubscriptionRequest & { readonly name: string },
  ): Promise<number | undefined> {
    return this.sessions.replace(van, request)
  }

  /** Ends a client's session, as if the client had died. */
  endSession(client: string): void {
    this.sessions.endSession(client)
  }

  async close(): Promise<void> {
    await this.sessions.freeze()
    this.#letClientsIn()
    this.sessions.endSessions()
    this.#listeners.close()
    this.#http.closeAllConnections()
    const cut = setTimeout(() => this.#listeners.cutOff(), GOODBYE_MS)
    await this.#io.close()
    clearTimeout(cut)
    this.#listeners.cutOff()
    await this.sessions.closeVans()
  }

  #arrived(what: 'store' | 'services'): void {
    this.#awaited.delete(what)
    if (this.#awaited.size > 0) return
    this.sessions.open()
    this.#letClientsIn()
  }

  #mayConnect({ headers: { origin } }: IncomingMessage): boolean {
    return !this.sessions.isClosing && this.#origins.mayAsk(origin)
  }
}
