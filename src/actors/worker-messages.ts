/** What a host says to the worker that runs a handler, and what that says back. Both are this package's own code. */

export interface WorkerTask {
  /** `file:` URL of the module. */
  readonly module: string
  readonly export: string
  readonly van: string
  /** The named subscription that the handler consumes. */
  readonly name: string
  readonly pattern: RegExp | string
  readonly options: {
    readonly ordered: boolean
    readonly prefetch: number
    readonly attempts: number
    readonly delay?: number
    readonly ackTimeout: number
    readonly maxPending: number
  }
  /** How the worker reaches its host, as any other client does. */
  readonly url: string
  readonly secret: Uint8Array
  /** Its session's id: when the worker dies the host ends that session at once, without waiting for a reconnect. */
  readonly clientId: string
}

export type ToWorker = { readonly kind: 'go' } | { readonly kind: 'stop' }

export type FromWorker =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
