import type { Socket } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { FORWARD_SECRET_CIPHERS } from '../../wire/forward-secrecy.js'

/** A certificate with its chain, and its key: PEM. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
}

/** The time for the handshake. */
const PATIENCE_MS = 10_000

/** Speaks TLS with clients. It asks for their certificates while there is a principal with one. */
export class TlsFront {
  readonly #identity: TlsIdentity
  readonly #authorities: () => readonly string[] | undefined
  readonly #secured: (socket: Socket) => void
  #server: { readonly server: Server; readonly key: string | undefined } | undefined

  /**
   * @param authorities for certificates of clients, PEM; undefined: it asks for none
   * @param secured called with each connection
   */
  constructor(
    identity: TlsIdentity,
    authorities: () => readonly string[] | undefined = () => undefined,
    secured: (socket: Socket) => void,
  ) {
    this.#identity = identity
    this.#authorities = authorities
    this.#secured = secured
  }

  /** A connection whose first bytes are those of TLS. */
  take(socket: Socket): void {
    const authorities = this.#authorities()
    const key = authorities?.join('\n')
    // The file of principals may have changed.
    if (this.#server === undefined || this.#server.key !== key)
      this.#server = { server: this.#make(authorities), key }
    this.#server.server.emit('connection', socket)
  }

  #make(authorities: readonly string[] | undefined): Server {
    const server = createServer(
      {
        ...this.#identity,
        handshakeTimeout: PATIENCE_MS,
        minVersion: 'TLSv1.2',
        ciphers: FORWARD_SECRET_CIPHERS,
        // Others come without one: msgvan's own handshake decides whether it is good.
        ...(authorities === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
        ...(authorities === undefined || authorities.length === 0 ? {} : { ca: [...authorities] }),
      },
      socket => this.#secured(socket),
    )
    // A client that fails its handshake is gone, and that affects no other.
    server.on('tlsClientError', (_, socket) => socket.destroy())
    server.on('error', () => undefined)
    return server
  }
}
