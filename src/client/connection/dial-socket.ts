import { io, NodeWebSocket, type Socket } from 'socket.io-client'
import type { Channel, DialListener } from '../../wire/channel.js'
import type { ClientEvents, HostEvents } from '../../wire/protocol.js'
import { FORWARD_SECRET_CIPHERS } from '../../wire/forward-secrecy.js'
import { socketParser } from '../../wire/socket-parser.js'
import { whyUnreachable } from './unreachable.js'

/** Opens a channel to a host. Returns at once. */
export type Dial = (url: string, listener: DialListener, timeoutMs: number) => Channel<ClientEvents>

/** A WebSocket of Node's `ws`. A browser's cannot be terminated. */
interface Terminable {
  terminate?(): void
}

/**
 * Masks protect proxies against bytes that look like HTTP. On this machine there is no proxy, and a mask of zeros spares both
 * ends their largest part of the work on large messages.
 */
class LoopbackWebSocket extends NodeWebSocket {
  override createSocket(uri: string, protocols: string | string[] | undefined, options: object): unknown {
    return super.createSocket(uri, protocols, {
      ...options,
      generateMask: (mask: Uint8Array) => mask.fill(0),
    })
  }
}

/** Dials with socket.io: one WebSocket, without a reconnection of its own. @param ca the certificate to trust, PEM */
export const dialSocket =
  (ca?: string): Dial =>
  (url, listener, timeoutMs) => {
    const socket: Socket<HostEvents, ClientEvents> = io(url, {
      transports: isLoopback(url) ? [LoopbackWebSocket] : ['websocket'],
      parser: socketParser,
      reconnection: false,
      forceNew: true,
      timeout: timeoutMs,
      // A browser has its own.
      ciphers: FORWARD_SECRET_CIPHERS,
      ...(ca === undefined ? {} : { ca }),
    })
    let webSocket: Terminable | undefined
    let isOver = false
    const unlessOver = (tell: () => void): void => {
      if (!isOver) tell()
    }
    socket.on('connect', () => {
      // Kept here because socket.io drops it on close.
      webSocket = (socket.io.engine.transport as { ws?: Terminable }).ws
      unlessOver(() => listener.opened())
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

function isLoopback(url: string): boolean {
  return /^http:\/\/(127\.[\d.]+|localhost|\[::1\])(:|\/|$)/.test(url)
}
