/** The end of a channel. */
export interface ChannelEnd {
  /** For people: continues the other side's name, as in "closed the connection". */
  readonly why: string
  /** The other side closed it on purpose; otherwise it was lost on the way. */
  readonly byPeer: boolean
  /** This side gave it up, because the other was silent. */
  readonly isSilent?: boolean
  readonly cause?: unknown
}

/**
 * One connection below the handshake, for either side: named events with one argument, in order, each at most once,
 * until it ends. Events before `close` still arrive, unless the connection is broken. In production it is a socket of
 * socket.io.
 */
export interface Channel<Outgoing> {
  readonly isOpen: boolean
  /** Does nothing once it has ended; only the other side knows whether the event arrives. */
  send(event: keyof Outgoing & string, value: unknown): void
  /** The listener gets no more events, not even the end. */
  close(): void
}

/** Never called before the channel is returned, nor after its end. */
export interface ChannelListener {
  /** Anything may come: the receiver checks it. */
  event(name: string, value: unknown): void
  ended(end: ChannelEnd): void
}

/** The client's end, which has to be opened first; if that fails it ends without having been open. */
export interface DialListener extends ChannelListener {
  /**
   * @param ends names the connection as both sides see it; undefined when it leaves this machine
   * @param isPrivate it goes to the host that was meant, and nobody between reads it: verified TLS, or the local socket
   */
  opened(ends: string | undefined, isPrivate?: boolean): void
}
