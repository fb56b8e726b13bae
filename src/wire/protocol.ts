import { ProtocolError } from '../errors.js'

/** Raised with every change after which an older side would misread a newer one. docs/protocol.md describes this one. */
export const PROTOCOL = 4

/** A frame is closed at this size, and sooner when nothing is on its way. */
export const BATCH_BYTES = 64 * 1024

/** So many frames may be on their way before batches wait to grow. */
export const EAGER_FRAMES = 4

/** So many bytes may be on their way: what a slow connection holds in its write buffer, at most, but for one frame. */
export const WINDOW_BYTES = 4 * 1024 * 1024

/** Beyond the payload itself: topic, headers and what frames need. */
export const FRAME_OVERHEAD = 128 * 1024

/** No answer is larger. Node's WebSocket client takes 100 MiB, and closes the connection on more. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** A longer answer of one host to another goes in parts. */
export const ANSWER_PART_BYTES = 1024 * 1024

/** Topics and publishers that one direction of a link remembers; afterwards they are written out. */
export const TABLE_ENTRIES = 16_384
export const TABLE_BYTES = 1024 * 1024

export const MAX_SUBSCRIPTIONS = 100_000
export const MAX_VAN_NAME = 200

/** A client that holds messages which have to be settled in time says so many times within that time that it is there. */
export const LOOKS = 4
const SHORTEST_SILENCE_MS = 2_000
const LONGEST_TIMER = 2 ** 31 - 1

/** Milliseconds without a word after which a client that holds such messages is taken to be stopped: a busy machine is no silence. */
export function silenceOf(ackTimeout: number): number {
  return Math.min(Math.max(ackTimeout, SHORTEST_SILENCE_MS), LONGEST_TIMER)
}

/** socket.io's events from client to host. Everything in them is checked: the types say what a well-behaved client sends. */
export interface ClientEvents {
  hello(hello: unknown): void
  prove(proof: unknown): void
  frame(bytes: unknown): void
}

/** And from host to client. */
export interface HostEvents {
  challenge(challenge: unknown): void
  welcome(welcome: unknown): void
  refused(refusal: unknown): void
  frame(bytes: unknown): void
}

export function broken(what: string): ProtocolError {
  return new ProtocolError(`A frame ${what}. The other side runs another version, or is no msgvan.`)
}

/** What socket.io made of a binary argument: a Buffer in Node, an ArrayBuffer in browsers. */
export function binary(argument: unknown): Uint8Array {
  if (argument instanceof Uint8Array) return argument
  if (argument instanceof ArrayBuffer) return new Uint8Array(argument)
  throw broken('is not binary')
}
