import { io, NodeWebSocket, type Socket } from 'socket.io-client'
import type { Channel, DialListener } from '../../wire/channel.js'
import { isLost, LOCAL_SOCKET, tcpEnds } from '../../wire/connection-ends.js'
import type { ClientEvents, HostEvents } from '../../wire/protocol.js'
import { FORWARD_SECRET_CIPHERS } from '../../wire/forward-secrecy.js'
import { socketParser } from '../../wire/socket-parser.js'
import { whyUnreachable } from './unreachable.js'

/** For https, PEM. Not in a browser. */
export interface TlsOptions {
  /** The certificates to trust. Default: those that this machine trusts. */
  readonly ca?: string
  /** The client's own certificate, and its key. */
  readonly cert?: string
  readonly key?: string
}

/** Where a host is. */
export interface Located {
  readonly url: string
  /** Opens a socket of the system to it, in place of TCP to that URL. */
  readonly open?: () => unknown
}

/** Opens a channel to a host. Returns at once. */
export type Dial = (url: string, listener: DialListener, timeoutMs: number) => Channel<ClientEvents>

/** A WebSocket of Node's `ws`. A browser's cannot be terminated, and shows no socket. */
interface WebSocketOfWs {
  terminate?(): void
  readonly _socket?: {
    /** Of TLS: the certificate of the other side is verified. */
    readonly authorized?: boolean
    readonly localAddress?: string
    readonly localPort?: number
    readonly remoteAddress?: string
    readonly remotePort?: number
  }
}

/**
 * Masks protect proxies against bytes that look like HTTP. On this machine there is no proxy, and a mask of zeros spares both
 * ends their largest part of the work on large messages.
 */
function localWebSocket(open: Located['open']): typeof NodeWebSocket {
  // With an agent, which socket.io has by default, Node makes the connection itself.
  const way = open === undefined ? {} : { agent: undefined, createConnection: open }
  return class extends NodeWebSocket {
    override createSocket(uri: string, protocols: string | string[] | undefined, options: object): unknown {
      return super.createSocket(uri, protocols, {
        ...options,
        ...way,
        generateMask: (mask: Uint8Array) => mask.fill(0),
      })
    }
  }
}

/**
 * Dials with socket.io: one WebSocket, without a reconnection of its own.
 *
 * @param tls for https, PEM
 * @param open opens a socket of the system, in place of TCP
 */
export const dialSocket =
  (tls: TlsOptions = {}, open?: Located['open']): Dial =>
  (url, listener, timeoutMs) => {
    const socket: Socket<HostEvents, ClientEvents> = io(url, {
      transports: open !== undefined || isLoopback(url) ? [localWebSocket(open)] : ['websocket'],
      parser: socketParser,
      reconnection: false,
      forceNew: true,
      timeout: timeoutMs,
      // A browser has its own.
      ciphers: FORWARD_SECRET_CIPHERS,
      ...tls,
    })
    let webSocket: WebSocketOfWs | undefined
    let isOver = false
    const unlessOver = (tell: () => void): void => {
      if (!isOver) tell()
    }
    socket.on('connect', () => {
      // Kept here because socket.io drops it on close.
      webSocket = (socket.io.engine.transport as { ws?: WebSocketOfWs }).ws
      const { hasNone, ends } =
        open === undefined ? endsOf(webSocket) : { hasNone: false, ends: LOCAL_SOCKET }
      // A browser verifies each certificate.
      const isVerified = url.startsWith('https:') && webSocket?._socket?.authorized !== false
      unlessOver(() => {
        if (!hasNone) return listener.opened(ends, open !== undefined || isVerified)
        isOver = true
        listener.ended({ why: 'closed the connection (before the handshake)', byPeer: false })
      })
    })
    socket.onAny((event: string, value: unknown) => unlessOver(() => listener.event(event, value)))
    socket.on('connect_error', cause =>
      unlessOver(() => {
        isOver = true
        listener.ended({ why: whyUnreachable(url, cause), byPeer: false, cause })
      }),
    )
    socket.on('disconnect', reason =>
      unlessOver(() => {
        isOver = true
        listener.ended({
          why: `closed the connection (${reason})`,
          byPeer: reason === 'io server disconnect',
        })
      }),
    )
    return {
      get isOpen() {
        return socket.connected
      },
      send: (event, value) => void socket.emit(event, value),
      close: () => {
        isOver = true
        socket.disconnect()
        // Otherwise the WebSocket of Node waits up to 30 s for the other side to agree.
        webSocket?.terminate?.()
      },
    }
  }

interface Ends {
  /** It was cut, and gives only what arrived before. Otherwise it would look like a connection to another machine. */
  readonly hasNone: boolean
  readonly ends: string | undefined
}

function endsOf({ _socket: socket }: WebSocketOfWs = {}): Ends {
  if (socket === undefined) return { hasNone: false, ends: undefined }
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  const client = { address: localAddress, port: localPort }
  const host = { address: remoteAddress, port: remotePort }
  return { hasNone: isLost(client, host), ends: tcpEnds(client, host) }
}

function isLoopback(url: string): boolean {
  return /^http:\/\/(127\.[\d.]+|localhost|\[::1\])(:|\/|$)/.test(url)
}
