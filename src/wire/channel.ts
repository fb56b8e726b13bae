/** How a channel came to its end. */
export interface ChannelEnd {
  /** For people: goes on after the other side's name, as in "closed the connection". */
  readonly why: string
  /** The other side closed it on purpose; otherwise it was lost on the way. */
  readonly byPeer: boolean
  /** This side gave it up, because nothing was heard of the other. */
  readonly isSilent?: boolean
  readonly cause?: unknown
}

/**
 * One connection below the handshake, as either side holds it: named events with one argument, in order, each at most
 * once, until it ends. What was sent before `close` still arrives, unless the way there is broken. In earnest it is a socket
 * of socket.io.
 */
export interface Channel<Outgoing> {
  readonly isOpen: boolean
  /** Does nothing once it has ended; whether it arrives only the other side can tell. */
  send(event: keyof Outgoing & string, value: unknown): void
  /** The listener hears nothing any more, not of this either. */
  close(): void
}

/** Never called before the channel was returned, nor after its end. */
export interface ChannelListener {
  /** Anything may come: it is checked by whom it concerns. */
  event(name: string, value: unknown): void
  ended(end: ChannelEnd): void
}

/** The client's end, which has to be opened first; if that fails it ends without having been open. */
export interface DialListener extends ChannelListener {
  opened(): void
}
