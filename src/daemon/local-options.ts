/** How a bus reaches this machine's host, and starts it. */
export interface LocalOptions {
  readonly van: string
  /** Default: MSGVAN_PORT, else 1900. */
  readonly port?: number | undefined
  /** Start a host if none is running. Default true. */
  readonly autoStart?: boolean | undefined
  /** Prove oneself by this token, not by this user's secret; a host that is started now takes it too, unless it was told another before. */
  readonly token?: string | undefined
  /** What this machine's host is to offer, beside what it does. */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** This machine's host leads. */
  readonly leader?: boolean | undefined
  /** Where others reach it. */
  readonly listen?: string | undefined
  /** The leader that this machine's host joins. */
  readonly join?: string | undefined
  readonly verbose?: boolean | undefined
  readonly maxPayload?: number | undefined
  /** How long `ready()` waits, in milliseconds. Default 30,000: a machine may be busy starting processes. */
  readonly readyTimeout?: number | undefined
}
