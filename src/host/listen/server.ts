import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { version } from '../../version.js'
import { BATCH_BYTES, FRAME_OVERHEAD, type ClientEvents, type HostEvents } from '../../wire/protocol.js'
import { socketParser } from '../../wire/socket-parser.js'
import { Listeners, type TlsIdentity } from './listeners.js'
import type { Backbone } from '../backbone/backbone.js'
import { Origins, type RawConnection } from './origins.js'
import { HANDSHAKE_MS } from '../session/admission.js'
import { SessionManager, type SessionManagerOptions } from '../session/session-manager.js'
import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import type { Actors } from '../actors/actors.js'
import { socketChannel } from './socket-channel.js'
import type { HostStore } from '../store/host-store.js'
import type { HandlerService } from '../calls/unregister.js'

/** So long clients that are told goodbye may take to answer: one that is stopped or blocked does not. */
const GOODBYE_MS = 1_000

export interface HostServerOptions extends SessionManagerOptions {
  readonly port: number
  /** The address to listen on: loopback, or loopback and this one. Default 127.0.0.1. */
  readonly listen?: string | undefined
  /** Beyond loopback only TLS, with this certificate. Default: in the clear. */
  readonly tls?: TlsIdentity | undefined
  /** From the first moment on clients wait for `openStore`: what they bring must be kept. Default false. */
  readonly awaitsStore?: boolean
  /** From the first moment on clients wait for `ready`: what they ask for needs what is set until then. Default false. */
  readonly awaitsServices?: boolean
  /** Web pages that may connect, as their Origin. Default: none. */
  readonly origins?: readonly string[]
}

/** Listens for clients, and hands them to the reception. Knows nothing of processes, files and signals. */
export class HostServer {
  readonly #options: HostServerOptions
  readonly #heartbeat: number
  readonly #reception: SessionManager
  readonly #http: HttpServer
  readonly #io: Server<ClientEvents, HostEvents>
  readonly #doors: Listeners
  readonly #origins: Origins
  /** Clients wait until all of it is there. */
  readonly #awaited = new Set<'store' | 'services'>()
  #opening: Promise<void> | undefined
  #letIn: () => void = () => undefined

  constructor(options: HostServerOptions) {
    this.#options = options
    if (options.awaitsStore === true) this.#awaited.add('store')
    if (options.awaitsServices === true) this.#awaited.add('services')
    if (this.#awaited.size > 0) {
      this.#opening = new Promise(resolve => {
        this.#letIn = () => {
          this.#opening = undefined
          resolve()
        }
      })
    }
    this.#heartbeat = options.heartbeat ?? 10_000
    const reception = new SessionManager(options)
    this.#reception = reception
    this.#http = createServer((_, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`msgvan host ${version}\n`)
    })
    this.#doors = new Listeners(this.#http, options.tls)
    this.#origins = new Origins(options.origins ?? [], text => options.warn?.(text))
    this.#io = new Server<ClientEvents, HostEvents>(this.#http, {
      serveClient: false,
      transports: ['websocket'],
      parser: socketParser,
      perMessageDeflate: false,
      maxHttpBufferSize: (options.maxPayload ?? DEFAULT_MAX_PAYLOAD) + FRAME_OVERHEAD + BATCH_BYTES,
      connectTimeout: HANDSHAKE_MS,
      // Both sides go by these: each client is told them when it connects.
      pingInterval: this.#heartbeat,
      pingTimeout: this.#heartbeat,
      allowRequest: (request, decide) => {
        if (this.#opening === undefined) decide(null, this.#mayConnect(request))
        else void this.#opening.then(() => decide(null, this.#mayConnect(request)))
      },
    })
    const patience = { patience: 2 * this.#heartbeat, warn: (text: string) => options.warn?.(text) }
    this.#io.engine.on('connection', (connection: RawConnection) => this.#origins.limit(connection))
    this.#io.on('connection', socket => {
      if (!this.#origins.refuses(socket))
        socketChannel(socket, patience, channel => reception.greet(channel, socket.handshake.address))
    })
  }

  /** Set by whoever runs actors in this host. */
  set actors(actors: Actors) {
    this.#reception.actors = actors
  }

  /** Set by whoever runs handlers in this host. */
  set handlers(handlers: HandlerService) {
    this.#reception.handlers = handlers
  }

  /** Resolves when it listens; rejects with the system's own error (EADDRINUSE …). */
  async listen(): Promise<void> {
    const { port, listen } = this.#options
    try {
      await this.#doors.open(port, listen)
    } catch (error) {
      await this.close()
      throw error
    }
    if (this.#opening === undefined) this.#reception.open()
  }

  /** All that a store keeps comes back, and whoever waits for it (`awaitsStore`) is let in. */
  openStore(store: HostStore): void {
    this.#reception.restore(store)
    this.#there('store')
  }

  /** What runs handlers and actors is set, and whoever waits for it (`awaitsServices`) is let in. */
  ready(): void {
    this.#there('services')
  }

  /** Where it listens, as `address:port`. */
  get addresses(): string[] {
    return this.#doors.addresses
  }

  /** The port that it listens on, also when it was told 0. */
  get port(): number {
    return this.#doors.port
  }

  /** Sessions, their clients connected or away. */
  get clients(): number {
    return this.#reception.clients
  }

  /** Nobody is there, nothing waits. */
  get isIdle(): boolean {
    return this.#reception.isIdle
  }

  get vans(): string[] {
    return this.#reception.vans
  }

  broker(van: string): LocalBroker {
    return this.#reception.broker(van)
  }

  get hostId(): string {
    return this.#options.hostStatus().id
  }

  /** For what is handed over from one process to the next. */
  get reception(): SessionManager {
    return this.#reception
  }

  /** What joins this host to others. */
  get backbone(): Backbone {
    return this.#reception.backbone
  }

  /** Registers a named subscription in place of what the name had in the whole van. */
  replace(van: string, request: SubscriptionRequest & { readonly name: string }): Promise<void> {
    return this.#reception.replace(van, request)
  }

  /** Ends a client's session as its death would. */
  endSession(client: string): void {
    this.#reception.endSession(client)
  }

  async close(): Promise<void> {
    await this.#reception.freeze()
    this.#letIn()
    this.#reception.endSessions()
    this.#doors.close()
    this.#http.closeAllConnections()
    const cut = setTimeout(() => this.#doors.cutOff(), GOODBYE_MS)
    await this.#io.close()
    clearTimeout(cut)
    this.#doors.cutOff()
    await this.#reception.closeVans()
  }

  #there(what: 'store' | 'services'): void {
    this.#awaited.delete(what)
    if (this.#awaited.size > 0) return
    this.#reception.open()
    this.#letIn()
  }

  #mayConnect({ headers: { origin } }: IncomingMessage): boolean {
    return !this.#reception.isClosing && this.#origins.mayAsk(origin)
  }
}
