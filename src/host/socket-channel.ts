import type { Socket } from 'socket.io'
import type { Channel, ChannelListener } from '../wire/channel.js'
import type { ClientEvents, HostEvents } from '../wire/protocol.js'

export type HostSocket = Socket<ClientEvents, HostEvents>

/** A client's socket of socket.io as a channel. @param greet says who listens to it */
export function socketChannel(
  socket: HostSocket,
  greet: (channel: Channel<HostEvents>) => ChannelListener,
): void {
  let isOver = false
  const listener = greet({
    get isOpen() {
      return socket.connected
    },
    send: (event, value) => void socket.emit(event, value),
    close: () => {
      isOver = true
      socket.disconnect(true)
    },
  })
  socket.onAny((event: string, value: unknown) => {
    if (!isOver) listener.event(event, value)
  })
  socket.on('disconnect', reason => {
    if (isOver) return
    isOver = true
    listener.ended({
      why: `closed the connection (${reason})`,
      byPeer: reason === 'client namespace disconnect',
    })
  })
}
