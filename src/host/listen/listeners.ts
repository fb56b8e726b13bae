import type { Server as HttpServer } from 'node:http'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net'
import { TLSSocket } from 'node:tls'
import { isLoopbackAddress, LOCAL_SOCKET, tcpEnds } from '../../wire/connection-ends.js'
import type { BeforeProof } from './before-proof.js'
import { listenLocally } from './local-listener.js'
import { certificateOf } from '../rights/credentials/certificate.js'
import type { Caller } from './admission.js'
import { TlsFront, type TlsIdentity } from './tls-front.js'

const LOOPBACK = '127.0.0.1'
/** The first byte of a TLS connection; HTTP begins with a letter. */
const TLS_RECORD = 0x16
const PATIENCE_MS = 10_000
const TLS_ONLY = 'This msgvan host is reached by TLS only: https://.\n'

/**
 * The listeners of a host: always loopback, since its machine finds it there and the port is the lock; and one address
 * more, or all. With a certificate, remote clients have to speak TLS.
 */
export class Listeners {
  readonly #http: HttpServer
  /** Undefined: it has no certificate. */
  readonly #tls: TlsFront | undefined
  readonly #servers: TcpServer[] = []
  #local: { readonly path: string; readonly server: TcpServer } | undefined
  /** Connections by the local socket. */
  readonly #fromHere = new WeakSet<Socket>()
  /** All connections, those with TLS and the plain ones under them. */
  readonly #sockets = new Set<Socket>()
  readonly #beforeProof: BeforeProof

  constructor(
    http: HttpServer,
    beforeProof: BeforeProof,
    identity?: TlsIdentity,
    authorities?: () => readonly string[] | undefined,
  ) {
    this.#http = http
    this.#beforeProof = beforeProof
    // Before any other listener.
    http.prependListener('connection', (socket: Socket) => this.#keep(socket))
    http.prependListener('upgrade', (_, socket: Socket, head: Buffer) => beforeProof.requested(socket, head))
    if (identity === undefined) return
    this.#tls = new TlsFront(identity, authorities, socket => http.emit('connection', socket))
  }

  /** Resolves when it listens; rejects with the system's own error (EADDRINUSE …). */
  async open(port: number, listen = LOOPBACK): Promise<void> {
    if (isWildcard(listen)) {
      await this.#listen(this.#tls === undefined ? this.#http : this.#front(), port, listen)
      return
    }
    await this.#listen(this.#http, port, LOOPBACK)
    if (listen !== LOOPBACK) await this.#listen(this.#front(), this.port, listen)
  }

  /** Also listens on a socket of the system. Call it after `open`: the port is the lock for it, too. */
  async openLocal(path: string, warn: (text: string) => void): Promise<void> {
    const accept = (socket: Socket): void => {
      this.#fromHere.add(socket)
      this.#http.emit('connection', socket)
    }
    const server = await listenLocally(path, accept, warn)
    if (server !== undefined) this.#local = { path, server }
  }

  /** Its path, if it listens there. */
  get localSocket(): string | undefined {
    return this.#local?.path
  }

  /** The address of the other side ('' by the local socket), and how both sides name the connection. */
  callerOf(socket: Socket): Omit<Caller, 'proved'> {
    if (this.#fromHere.has(socket)) return { address: '', ends: LOCAL_SOCKET }
    const { remoteAddress, remotePort, localAddress, localPort } = socket
    const ends = tcpEnds(
      { address: remoteAddress, port: remotePort },
      { address: localAddress, port: localPort },
    )
    const tls = socket instanceof TLSSocket ? { certificate: () => certificateOf(socket) } : undefined
    return { address: remoteAddress ?? '', ends, tls }
  }

  /** As `address:port`. */
  get addresses(): string[] {
    return this.#servers.map(server => {
      const { address, family, port } = addressOf(server)
      return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
    })
  }

  /** The real port, also if the option was 0; 0 when it does not listen. */
  get port(): number {
    const [first] = this.#servers
    return first === undefined ? 0 : addressOf(first).port
  }

  /** Accepts no more connections. */
  close(): void {
    // First: it removes the socket's file, which belongs to the next host once the port is free.
    this.#local?.server.close()
    this.#local = undefined
    for (const server of this.#servers.splice(0)) if (server !== this.#http) server.close()
  }

  /** Cuts all remaining connections off. */
  cutOff(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async #listen(server: TcpServer, port: number, address: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, () => {
        server.off('error', reject)
        // A connection that it could not accept affects no other.
        server.on('error', ignored)
        resolve()
      })
    })
    this.#servers.push(server)
  }

  #front(): TcpServer {
    const tls = this.#tls
    if (tls === undefined) return createTcpServer(socket => this.#http.emit('connection', socket))
    return createTcpServer(socket => this.#sort(socket, tls))
  }

  /**
   * The owner of a connection listens for its errors, but there is a gap between two owners: Node's server lets go of
   * an upgraded connection before engine.io has it. An error without a listener would end the process.
   */
  #keep(socket: Socket): void {
    if (this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    socket.on('error', ignored)
    socket.once('close', () => this.#sockets.delete(socket))
    if (!this.#fromHere.has(socket)) this.#beforeProof.add(socket)
  }

  /** By its first byte. */
  #sort(socket: Socket, tls: TlsFront): void {
    this.#keep(socket)
    const gone = (): void => void socket.destroy()
    socket.setTimeout(PATIENCE_MS, gone)
    socket.once('data', first => {
      socket.pause()
      socket.setTimeout(0)
      socket.off('timeout', gone)
      socket.unshift(first)
      // It reads returned bytes by itself.
      if (first[0] === TLS_RECORD) tls.take(socket)
      else if (!isLoopbackAddress(socket.remoteAddress ?? '')) refuse(socket)
      else {
        this.#http.emit('connection', socket)
        process.nextTick(() => socket.resume())
      }
    })
  }
}

/** The connection in question is closed by itself. */
function ignored(): void {}

function refuse(socket: Socket): void {
  socket.end(
    `HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${TLS_ONLY.length}\r\n\r\n${TLS_ONLY}`,
  )
}

function addressOf(server: TcpServer): AddressInfo {
  return server.address() as AddressInfo
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
