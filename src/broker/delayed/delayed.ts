import type { Envelope } from '../../message/envelope.js'

/** The place of a delayed message among those of its clock. */
export interface Place {
  /** It is due by the wall clock (`at`), not after a time (`delay`). */
  readonly isByWall: boolean
  /** Milliseconds since the epoch. */
  readonly due: number
  /** The order of take-over: it decides among messages with the same time. */
  readonly order: number
}

/** A message that is owed from a later moment on. */
export interface Delayed extends Place {
  /** When it is due by the clock that only goes forward. Undefined: the wall clock decides. */
  readonly elapsed: number | undefined
  /** The key of its id, if it has one. */
  readonly id: string | undefined
  readonly ttl: number | undefined
  readonly envelope: Envelope
}

/** Messages that are due and have their numbers, but were not published yet. */
export interface Firing {
  readonly publisher: string
  /** The number of the first one. The others follow it. */
  readonly first: number
  readonly messages: readonly Delayed[]
}

/** Delayed messages beyond this process: the broker's side of a store. */
export interface DelayKeeper {
  readonly count: number
  readonly bytes: number
  newOrder(): number
  add(message: Delayed): void
  cancel(message: Delayed): void
  find(place: Place): Delayed | undefined
  /** The next messages of one clock, in order, at most `most`. */
  read(isByWall: boolean, after: Place | undefined, most: number): Delayed[]
  /**
   * Keeps the numbers of due messages, so that a repetition after a crash has the same ones.
   *
   * @returns resolves when they are on the disk
   */
  begin(firing: Firing): Promise<void> | undefined
  /** The message is published. */
  fired(message: Delayed): void
  /** All of them are. */
  ended(): void
  /** Those that the last process began, and could not end. */
  begun(): Firing | undefined
  /** Set by the agenda: these could not be written, and their publishers get a refusal. */
  refused: (messages: readonly Delayed[]) => void
  /** Set by the agenda: these were published, and that could not be written. */
  unfired: (messages: readonly Delayed[]) => void
}

export function comesBefore(a: Place, b: Place): boolean {
  return a.due === b.due ? a.order < b.order : a.due < b.due
}

/** The memory of a delayed message beside its payload. */
export const DELAYED_BYTES = 512
