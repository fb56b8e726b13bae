/** What a party is told, as one JSON argument. */
export interface Job {
  /** Of the host, or of what stands in front of it. */
  readonly port: number
  readonly journal: string
  /** In place of the secret. */
  readonly token?: string | undefined
}

export interface PublisherJob extends Job {
  /** Each a bus of its own, and a topic: `faults.<publisher>`. */
  readonly publishers: readonly string[]
  /** Messages of each. Default: until it is told to stop. */
  readonly count?: number
  /** Published in one go, and awaited. */
  readonly batch: number
  /** Of each message's body. */
  readonly bytes: number
  /** Milliseconds between two batches. */
  readonly pause?: number
  /** Numbers of messages whose consumer dies, and at how many attempts. */
  readonly fatal?: Readonly<Record<number, number>>
  /** It kills itself at this message: at once, or so many turns of the event loop later. */
  readonly death?: { readonly at: number; readonly turns: number }
}

/** Another process is this client, too. */
export interface Twin {
  readonly client: string
  /** That one's session, which is claimed. */
  readonly session?: string
}

/** How a subscriber settles: when `next` returns, by `ack()` in a later turn, or with `handle`. */
export type SubscriberMode = 'auto' | 'manual' | 'handle'

export interface SubscriberJob extends Job {
  /** Each a bus of its own, with the one subscription that this pattern (a RegExp's source) makes. */
  readonly subscribers: Readonly<Record<string, string>>
  readonly mode: SubscriberMode
  /** The body that each message must have. */
  readonly bytes: number
  readonly name?: string
  /** Each has a name of its own, which is what it is called here. */
  readonly areNamed?: boolean
  /** Milliseconds of work on each message. */
  readonly work?: number
  readonly concurrency?: number
  readonly prefetch?: number
  readonly attempts?: number
  readonly twin?: Twin
}

export function readJob<T extends Job>(): T {
  return JSON.parse(process.argv[2] ?? '') as T
}

/** The host, for `van()`. */
export function placeOf({ port, token }: Job): { port: number; token?: string } {
  return token === undefined ? { port } : { port, token }
}
