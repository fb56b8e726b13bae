import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { Server, type Socket } from 'socket.io'
import type { LocalBroker } from '../broker/local-broker.js'
import type { HostStatus } from '../bus/status.js'
import { ProtocolError, SessionLostError } from '../errors.js'
import { version } from '../version.js'
import { BATCH_BYTES, binary, FRAME_OVERHEAD, type ClientEvents, type HostEvents } from '../wire/protocol.js'
import { answer, type HandlerService } from './answer.js'
import { Greeting, refusalOf, type Greeted, type Secrets } from './greeting.js'
import type { Session } from './session.js'
import { Sessions } from './sessions.js'
import { Vans } from './vans.js'

export interface HostServerOptions extends Secrets {
  readonly port: number
  /** The address to listen on: loopback, or loopback and this one. Default 127.0.0.1. */
  readonly listen?: string | undefined
  readonly hostStatus: () => HostStatus
  /** Milliseconds that a session waits for its client to come back. Default 60,000. */
  readonly sessionTtl?: number
  /** The largest payload, in bytes. Default 8 MiB. */
  readonly maxPayload?: number
  /** What may wait for one client that does not read, in bytes. Default 256 MiB. */
  readonly maxWaiting?: number
  /** Web pages that may connect, as their Origin. Default: none. */
  readonly origins?: readonly string[]
  /** Calls to the host itself, such as `stop`. */
  readonly control?: (method: string, args: unknown) => Promise<unknown>
  /** A client came or went for good. */
  readonly changed?: () => void
  /** What an operator should know. */
  readonly warn?: (text: string) => void
}

type HostSocket = Socket<ClientEvents, HostEvents>

const LOOPBACK = '127.0.0.1'
const HANDSHAKE_MS = 10_000
const events = new Set(['hello', 'prove', 'frame'])

/** Listens for clients, makes sure of each, and keeps their sessions. Knows nothing of processes, files and signals. */
export class HostServer {
  /** Set by whoever runs handlers in this host. */
  handlers: HandlerService | undefined
  readonly #options: HostServerOptions
  readonly #maxPayload: number
  readonly #http: HttpServer
  readonly #io: Server<ClientEvents, HostEvents>
  readonly #vans: Vans
  readonly #sessions: Sessions
  /** Which connection a session has right now. */
  readonly #sockets = new Map<Session, HostSocket>()
  /** Of an address beyond loopback. */
  #further: TcpServer | undefined
  #isClosing = false

  constructor(options: HostServerOptions) {
    this.#options = options
    this.#maxPayload = options.maxPayload ?? 8 * 1024 * 1024
    this.#vans = new Vans(options.hostStatus)
    this.#sessions = new Sessions({
      sessionTtl: options.sessionTtl ?? 60_000,
      changed: () => this.#changed(),
    })
    this.#http = createServer((_, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`msgvan host ${version}\n`)
    })
    this.#io = new Server<ClientEvents, HostEvents>(this.#http, {
      serveClient: false,
      transports: ['websocket'],
      perMessageDeflate: false,
      maxHttpBufferSize: this.#maxPayload + FRAME_OVERHEAD + BATCH_BYTES,
      connectTimeout: HANDSHAKE_MS,
      // A client whose event loop stands still is away after twenty seconds; its session waits for it.
      pingInterval: 10_000,
      pingTimeout: 10_000,
      allowRequest: (request, decide) => decide(null, this.#mayConnect(request)),
    })
    this.#io.on('connection', socket => this.#greet(socket))
  }

  /** Resolves when it listens; rejects with the system's own error (EADDRINUSE …). */
  async listen(): Promise<void> {
    const { port, listen = LOOPBACK } = this.#options
    // By loopback a machine's host is found, and its port is the lock: it comes first. The wildcards cover it.
    await listenOn(this.#http, port, isWildcard(listen) ? listen : LOOPBACK)
    if (isWildcard(listen) || listen === LOOPBACK) return
    const further = createTcpServer(socket => this.#http.emit('connection', socket))
    this.#further = further
    try {
      await listenOn(further, this.port, listen)
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Where it listens, as `address:port`. */
  get addresses(): string[] {
    return [this.#http, this.#further].flatMap(server => {
      const at = server?.address()
      if (typeof at !== 'object' || at === null) return []
      return [at.family === 'IPv6' ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`]
    })
  }

  /** The port that it listens on, also when it was told 0. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0
  }

  /** Sessions, their clients connected or away. */
  get clients(): number {
    return this.#sessions.size
  }

  /** Nobody is there, nothing waits. */
  get isIdle(): boolean {
    return this.#sessions.size === 0 && this.#vans.isIdle
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

  async close(): Promise<void> {
    this.#isClosing = true
    this.#sessions.endAll()
    this.#further?.close()
    this.#http.closeAllConnections()
    await this.#io.close()
    await this.#vans.close()
  }

  /** Browsers send an Origin: a page that was not let in by name must not talk to this machine's host. */
  #mayConnect({ headers: { origin } }: IncomingMessage): boolean {
    return !this.#isClosing && (origin === undefined || this.#options.origins?.includes(origin) === true)
  }

  #greet(socket: HostSocket): void {
    const greeting = new Greeting(this.#options)
    let session: Session | undefined
    const deadline = setTimeout(
      () => drop(socket, new ProtocolError('The handshake took too long.')),
      HANDSHAKE_MS,
    )
    const guard = (work: () => Promise<void> | void): void => {
      const failed = (error: unknown): void => {
        if (session !== undefined && this.#sockets.get(session) === socket)
          this.#sessions.end(session, 'death')
        drop(socket, error)
      }
      try {
        work()?.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
    socket.onAny((event: string) => {
      if (!events.has(event)) drop(socket, new ProtocolError('There is no such event.'))
    })
    socket.on('hello', hello => {
      guard(async () => {
        socket.emit('challenge', await greeting.hello(hello))
      })
    })
    socket.on('prove', proof => {
      guard(async () => {
        const greeted = await greeting.prove(proof)
        if (!socket.connected || this.#isClosing) return
        clearTimeout(deadline)
        session = this.#admit(socket, greeted)
      })
    })
    socket.on('frame', bytes => {
      guard(() => {
        if (session === undefined) throw new ProtocolError('A frame came before the handshake was over.')
        if (this.#sockets.get(session) === socket) this.#receive(session, socket, bytes)
      })
    })
    socket.on('disconnect', reason => {
      clearTimeout(deadline)
      if (session === undefined || this.#sockets.get(session) !== socket) return
      this.#sockets.delete(session)
      session.link.detach()
      // A client that closed during the handshake does not even know of its session.
      const neverBegan = session.link.received === 0 && reason === 'client namespace disconnect'
      if (neverBegan) this.#sessions.end(session, 'goodbye')
      else this.#sessions.away(session)
    })
  }

  #receive(session: Session, socket: HostSocket, bytes: unknown): void {
    session.link.receive(binary(bytes))
    if (!session.hasEnded) return
    // A goodbye came: the client waits for us to hang up.
    this.#sessions.end(session, 'goodbye')
    socket.disconnect(true)
  }

  #admit(socket: HostSocket, { hello, prove, isLocalUser }: Greeted): Session {
    const { session: wanted } = prove
    const known = wanted === undefined ? undefined : this.#sessions.find(wanted.id, hello.client, hello.van)
    const session = known ?? this.#begin(socket, hello.client, hello.van, isLocalUser, hello.pid)
    const before = this.#sockets.get(session)
    if (before !== undefined) {
      session.link.detach()
      drop(before, new SessionLostError('Another connection has taken over this session.'))
    }
    this.#sockets.set(session, socket)
    this.#sessions.back(session)
    const { received } = session.link
    socket.emit('welcome', {
      session: session.id,
      resumed: known !== undefined,
      received,
      maxPayload: this.#maxPayload,
    })
    session.link.attach(known === undefined ? 0 : (wanted?.received ?? 0), frame =>
      socket.emit('frame', frame),
    )
    return session
  }

  #begin(
    socket: HostSocket,
    client: string,
    van: string,
    isLocalUser: boolean,
    pid: number | undefined,
  ): Session {
    this.#sessions.giveUp(client, van)
    return this.#sessions.begin({
      client,
      van: this.#vans.get(van),
      isLocalUser,
      // Elsewhere the number means another process.
      pid: isLocalUser && isLoopback(socket.handshake.address) ? pid : undefined,
      maxPayload: this.#maxPayload,
      maxWaiting: this.#options.maxWaiting ?? 256 * 1024 * 1024,
      answer: (session, method, args) =>
        answer(session, method, args, { handlers: this.handlers, control: this.#options.control }),
      overflowing: session => this.#tooSlow(session),
    })
  }

  /** Not from inside its own delivery: the broker is at work. */
  #tooSlow(session: Session): void {
    queueMicrotask(() => {
      if (session.hasEnded) return
      this.#options.warn?.(
        `client ${session.client} of van ${session.van.name} does not read: its session ends`,
      )
      const socket = this.#sockets.get(session)
      this.#sessions.end(session, 'death')
      if (socket !== undefined)
        drop(socket, new SessionLostError('Too much waits for this client: it reads too slowly.'))
    })
  }

  #changed(): void {
    for (const session of this.#sockets.keys()) if (session.hasEnded) this.#sockets.delete(session)
    this.#vans.sweep(van => this.#sessions.uses(van))
    this.#options.changed?.()
  }
}

function listenOn(server: TcpServer, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** Tells why, then ends the connection. */
function drop(socket: HostSocket, error: unknown): void {
  if (!socket.connected) return
  socket.emit('refused', refusalOf(error))
  socket.disconnect(true)
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address)
}
