import type { TokenSource } from '../client/connection/credential.js'

/** The options for reaching this machine's host, and for starting it. */
export interface LocalOptions {
  readonly van: string
  /** Default: MSGVAN_PORT, else 1900. */
  readonly port?: number | undefined
  /** Start a host if none is running. Default true. */
  readonly autoStart?: boolean | undefined
  /**
   * Proves this token instead of this user's secret. A host that is started now takes it too, unless the last one had
   * another. Not a JWT, nor the token that a function returns.
   */
  readonly token?: TokenSource | undefined
  /** Capabilities to add to this machine's host. */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** This machine's host leads. */
  readonly leader?: boolean | undefined
  /** The address of this machine's host for others. */
  readonly listen?: string | undefined
  /** The leader that this machine's host joins. */
  readonly join?: string | undefined
  readonly verbose?: boolean | undefined
  readonly maxPayload?: number | undefined
  /** The longest wait of `ready()`, in milliseconds. Default 30,000: a machine may be busy starting processes. */
  readonly readyTimeout?: number | undefined
}
