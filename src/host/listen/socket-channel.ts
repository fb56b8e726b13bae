import type { Socket } from 'socket.io'
import type { Channel, ChannelListener } from '../../wire/channel.js'
import type { ClientEvents, HostEvents } from '../../wire/protocol.js'
import { WriteBufferWatch } from './write-buffer-watch.js'

export type HostSocket = Socket<ClientEvents, HostEvents>

/** The time in which a client may read the reason why its connection is closed. */
const FAREWELL_MS = 1_000

export interface SocketChannelOptions {
  /** Milliseconds that the other side may leave more than a megabyte unread. */
  readonly patience: number
  readonly warn: (text: string) => void
}

/**
 * A client's socket of socket.io as a channel.
 *
 * @param greet returns its listener
 */
export function socketChannel(
  socket: HostSocket,
  { patience, warn }: SocketChannelOptions,
  greet: (channel: Channel<HostEvents>) => ChannelListener,
): void {
  let isOver = false
  let isStuck = false
  const webSocket = webSocketOf(socket)
  const watch = new WriteBufferWatch({
    buffered: () => webSocket.bufferedAmount,
    patience,
    stuck: buffered => {
      warn(
        `a client at ${socket.handshake.address || 'the local socket'} left ${buffered} bytes unread for ${patience} ms: its connection is closed, its session waits`,
      )
      // A client that does not read cannot be informed: it sees the closed connection.
      isStuck = true
      webSocket.terminate()
    },
  })
  const listener = greet({
    get isOpen() {
      return socket.connected
    },
    send: (event, value) => {
      socket.emit(event, value)
      watch.wrote()
    },
    close: () => {
      isOver = true
      watch.stop()
      socket.disconnect(true)
      // A client that does not read would keep it open.
      if (webSocket.bufferedAmount > 0) setTimeout(() => webSocket.terminate(), FAREWELL_MS).unref()
    },
  })
  socket.onAny((event: string, value: unknown) => {
    if (!isOver) listener.event(event, value)
  })
  socket.on('disconnect', reason => {
    watch.stop()
    // It would wait half a minute for the goodbye of a silent peer; a peer that still hears us learns of it now.
    if (reason === 'ping timeout') webSocket.terminate()
    if (isOver) return
    isOver = true
    listener.ended({
      why: `closed the connection (${reason})`,
      byPeer: reason === 'client namespace disconnect',
      isSilent: isStuck || reason === 'ping timeout',
    })
  })
}

/** The part of `ws` that engine.io does not pass on. */
interface WebSocketOfWs {
  readonly bufferedAmount: number
  terminate(): void
}

function webSocketOf(socket: HostSocket): WebSocketOfWs {
  return (socket.conn.transport as unknown as { socket: WebSocketOfWs }).socket
}
