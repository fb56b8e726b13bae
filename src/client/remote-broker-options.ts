import type { MsgvanError } from '../errors.js'
import type { ClientIdentity } from '../wire/client-identity.js'
import type { Credential } from './connection/credential.js'
import type { Dial, Located, TlsOptions } from './connection/dial-socket.js'
import type { HostFrames } from './connection/host-frames.js'

export interface RemoteBrokerOptions {
  /** The host's URL, such as `http://127.0.0.1:1900`. Not needed with `locate`. */
  url?: string
  /** Returns the host's place. Called before each attempt to connect, so it can find or start a host. */
  locate?: () => Promise<string | Located>
  /**
   * Whether publishes wait although `locate` has failed by this error: there was a host, and the next one cannot start yet.
   * Calls fail in any case. Default: publishes fail too.
   */
  isHostAwaited?: (error: MsgvanError) => boolean
  /** Whether nothing starts the host again: it ended in order, or this bus starts none. Default: that is unknown. */
  isHostEnded?: () => boolean
  /** Opens a channel to the host. Default: socket.io. */
  dial?: Dial
  /** For https. Default: it trusts whom this machine trusts, and shows no certificate. */
  tls?: TlsOptions
  van: string
  /** This user's secret (the default kind), or a token. No host accepts undefined. */
  secret: () => Promise<Credential | undefined>
  /** Names this client, and its messages, in the whole van. Default: random. */
  client?: ClientIdentity
  /** This process, if it runs on the host's machine: the host then notices its death at once. */
  pid?: number
  /** With `pid`: the system's id of this thread, if it is a worker thread. */
  thread?: number | undefined
  /** The largest payload, in bytes. Default 8 MiB. */
  maxPayload?: number
  /** The limits for publishes that the host has not accepted. Default 100,000 messages and 64 MiB. */
  outbox?: { maxMessages?: number; maxBytes?: number }
  /** Milliseconds between attempts to connect. Default 50 to 1,000, jittered. */
  backoff?: { initial: number; max: number }
  /** This side is a host too. */
  asHost?: HostFrames
  /**
   * This side is a worker of that host, and the host waits for its end. The answer to a call may wait for the same end, such as to a
   * call that stops the worker's own actor: `close()` sends such calls, and does not wait for the answers.
   */
  isEndedByHost?: boolean
  /** How long `ready()` waits for a host, in milliseconds. Default 10,000. */
  readyTimeout?: number
}
