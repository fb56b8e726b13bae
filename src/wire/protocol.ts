import { ProtocolError } from '../errors.js'

/** Raised with every change that an older side would misread. docs/protocol.md describes this version. */
export const PROTOCOL = 7

/** A frame is closed at this size, and sooner when nothing is on its way. */
export const BATCH_BYTES = 64 * 1024

/** With this number of frames on their way, batches wait to grow. */
export const EAGER_FRAMES = 4

/** The most bytes on their way: a slow connection holds this much in its write buffer, plus one frame. */
export const WINDOW_BYTES = 4 * 1024 * 1024

/** Beyond the payload itself: topic, headers and the frame's own fields. */
export const FRAME_OVERHEAD = 128 * 1024

/** The largest answer. Node's WebSocket client takes 100 MiB, and closes the connection on more. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** The arguments of a call take no more, unless they hold values of an app. */
export const MAX_CALL_BYTES = 64 * 1024

/** A longer answer of one host to another goes in parts. */
export const ANSWER_PART_BYTES = 1024 * 1024

/** The number of topics and publishers that one direction of a link remembers; later ones are written out. */
export const TABLE_ENTRIES = 16_384
export const TABLE_BYTES = 1024 * 1024

export const MAX_SUBSCRIPTIONS = 100_000
export const MAX_VAN_NAME = 200

/** A client that holds messages with a time limit reports its presence this number of times within it. */
export const LOOKS = 4
const SHORTEST_SILENCE_MS = 2_000
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Milliseconds without a sign after which a client that holds such messages counts as stopped: a busy machine is not
 * silent.
 */
export function silenceOf(ackTimeout: number): number {
  return Math.min(Math.max(ackTimeout, SHORTEST_SILENCE_MS), LONGEST_TIMER)
}

/** socket.io's events from client to host. Everything in them is checked: the types describe a well-behaved client. */
export interface ClientEvents {
  hello(hello: unknown): void
  prove(proof: unknown): void
  frame(bytes: unknown): void
}

/** socket.io's events from host to client. */
export interface HostEvents {
  challenge(challenge: unknown): void
  welcome(welcome: unknown): void
  refused(refusal: unknown): void
  frame(bytes: unknown): void
}

export function broken(what: string): ProtocolError {
  return new ProtocolError(`A frame ${what}. The other side runs another version, or is not msgvan.`)
}

/** A binary argument of socket.io: a Buffer in Node, an ArrayBuffer in browsers. */
export function binary(argument: unknown): Uint8Array {
  if (argument instanceof Uint8Array) return argument
  if (argument instanceof ArrayBuffer) return new Uint8Array(argument)
  throw broken('is not binary')
}
