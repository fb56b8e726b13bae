import type { MsgvanError } from '../errors.js'
import type { Credential } from './connection/connection.js'
import type { Dial } from './connection/dial-socket.js'
import type { HostFrames } from './connection/host-frames.js'

export interface RemoteBrokerOptions {
  /** Where the host is: `http://127.0.0.1:1900`. Not needed with `locate`. */
  url?: string
  /** Asked before each attempt to connect, for the URL: the place to find or start a host. */
  locate?: () => Promise<string>
  /**
   * Whether what is published waits although `locate` has failed by this: there was a host, and the next one cannot be started yet.
   * Calls fail by it in any case. Default: it is refused too.
   */
  isHostAwaited?: (error: MsgvanError) => boolean
  /** How a host is reached. Default: by socket.io. */
  dial?: Dial
  /** By whose word a host is believed that is reached by https, PEM. Default: as this machine does. Not in a browser. */
  ca?: string
  van: string
  /** What this client proves to know: this user's secret (the default kind), or a token. No host accepts undefined. */
  secret: () => Promise<Credential | undefined>
  /** Names this client, and its messages, in the whole van. Default: random. */
  clientId?: string
  /** Of this process, if it runs on the host's machine: its death is then noticed at once. */
  pid?: number
  /** With `pid`: the system's id of its thread, if that is a worker thread. */
  thread?: number | undefined
  /** The largest payload, in bytes. Default 8 MiB. */
  maxPayload?: number
  /** What may wait to be taken over. Default 100,000 messages and 64 MiB. */
  outbox?: { maxMessages?: number; maxBytes?: number }
  /** Milliseconds between attempts to connect. Default 50 to 1,000, jittered. */
  backoff?: { initial: number; max: number }
  /** This side is a host too. */
  asHost?: HostFrames
  /**
   * This side is a worker of that host, which waits for its end. What it asked of the host may wait for the same, such as to stop the
   * actor that it runs: `close()` has it sent, and does not wait for the answers.
   */
  isEndedByHost?: boolean
  /** How long `ready()` waits for a host, in milliseconds. Default 10,000. */
  readyTimeout?: number
}
