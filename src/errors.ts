/**
 * The base of every error that msgvan throws, rejects with or emits on `errors$`: one class for each kind, each with a
 * stable `code`. Match on `code` (or `instanceof`), never on the text. `cause` holds the underlying error, if there is
 * one.
 */
export abstract class MsgvanError extends Error {
  abstract readonly code: `MSGVAN_${string}`
  /** The name of its class, also where a minifier gave the class another one. */
  abstract override readonly name: string

  // Typed: that of Error takes anything.
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
  }
}

/** A topic is empty, too long, not a string, or a system topic. */
export class InvalidTopicError extends MsgvanError {
  override readonly name = 'InvalidTopicError'
  readonly code = 'MSGVAN_INVALID_TOPIC'
}

/**
 * A pattern cannot be used: it is neither a RegExp nor a string, too long, too large, or not matchable in linear time.
 */
export class InvalidPatternError extends MsgvanError {
  override readonly name = 'InvalidPatternError'
  readonly code = 'MSGVAN_INVALID_PATTERN'
}

/** An option has an invalid value. */
export class InvalidOptionError extends MsgvanError {
  override readonly name = 'InvalidOptionError'
  readonly code = 'MSGVAN_INVALID_OPTION'
}

/** A payload cannot cross (a function, a symbol …), headers are not strings, or input is not UTF-8. */
export class InvalidPayloadError extends MsgvanError {
  override readonly name = 'InvalidPayloadError'
  readonly code = 'MSGVAN_INVALID_PAYLOAD'
}

/** A payload is larger than `maxPayload`. */
export class PayloadTooLargeError extends MsgvanError {
  override readonly name = 'PayloadTooLargeError'
  readonly code = 'MSGVAN_PAYLOAD_TOO_LARGE'
}

/**
 * A request or an answer is over a limit of the link (nothing of it was sent), a client uses more patterns, or leaves
 * more answers unread, than it may, or a principal is over one of its limits.
 */
export class LimitError extends MsgvanError {
  override readonly name = 'LimitError'
  readonly code = 'MSGVAN_LIMIT'
}

/** A middleware breaks its rules, or left out a request or an answer that someone waits for. */
export class MiddlewareError extends MsgvanError {
  override readonly name = 'MiddlewareError'
  readonly code = 'MSGVAN_MIDDLEWARE'
}

/** Bytes came as a payload that are not one. */
export class UnreadablePayloadError extends MsgvanError {
  override readonly name = 'UnreadablePayloadError'
  readonly code = 'MSGVAN_UNREADABLE_PAYLOAD'
}

/** A subscription's `schema` refuses the payload. `issues` holds the schema's result. */
export class SchemaError extends MsgvanError {
  override readonly name = 'SchemaError'
  readonly code = 'MSGVAN_SCHEMA'
  constructor(
    message: string,
    readonly issues: readonly { readonly message: string }[],
  ) {
    super(message)
  }
}

/** A subscriber threw, its promise was rejected, or its pipeline ended in an error. `cause` is the thrown value. */
export class SubscriberError extends MsgvanError {
  override readonly name = 'SubscriberError'
  readonly code = 'MSGVAN_SUBSCRIBER'
  constructor(
    message: string,
    readonly topic: string | undefined,
    cause: unknown,
  ) {
    super(message, { cause })
  }
}

/**
 * A pipeline works later (`concatMap(async …)`), when its messages are acked already, and failed with no message in
 * hand: acked messages do not come again. Use `handle`. `cause` is that failure; the log's warning about late values has none.
 */
export class PipelineDefersError extends MsgvanError {
  override readonly name = 'PipelineDefersError'
  readonly code = 'MSGVAN_PIPELINE_DEFERS'
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}

/** A subscriber called `nack()` or `reject(reason)`. */
export class RefusedByConsumerError extends MsgvanError {
  override readonly name = 'RefusedByConsumerError'
  readonly code = 'MSGVAN_REFUSED_BY_CONSUMER'
}

/** A delivery was not settled within `ackTimeout`. */
export class AckTimeoutError extends MsgvanError {
  override readonly name = 'AckTimeoutError'
  readonly code = 'MSGVAN_ACK_TIMEOUT'
}

/** The reason of `message.signal`: the delivery is no longer this consumer's. The text says why. */
export class TakenAwayError extends MsgvanError {
  override readonly name = 'TakenAwayError'
  readonly code = 'MSGVAN_TAKEN_AWAY'
}

/** The process that held a delivery died. */
export class ConsumerDiedError extends MsgvanError {
  override readonly name = 'ConsumerDiedError'
  readonly code = 'MSGVAN_CONSUMER_DIED'
}

/** The name has another pattern; or others are attached, and a given rule differs. The text says which. */
export class NameTakenError extends MsgvanError {
  override readonly name = 'NameTakenError'
  readonly code = 'MSGVAN_NAME_TAKEN'
}

/** The bus is closed, or closing. */
export class ClosedError extends MsgvanError {
  override readonly name = 'ClosedError'
  readonly code = 'MSGVAN_CLOSED'
}

/** The outbox cannot hold another publish. */
export class OutboxFullError extends MsgvanError {
  override readonly name = 'OutboxFullError'
  readonly code = 'MSGVAN_OUTBOX_FULL'
}

/** A subscription with `overflow: 'error'` is full. */
export class OverflowError extends MsgvanError {
  override readonly name = 'OverflowError'
  readonly code = 'MSGVAN_OVERFLOW'
}

/**
 * A publish waits for a named subscription that is full and has no consumer. `errors$` reports it once until a consumer
 * comes. The van owes the message, and all other subscriptions have it.
 */
export class SlowSubscriptionError extends MsgvanError {
  override readonly name = 'SlowSubscriptionError'
  readonly code = 'MSGVAN_SLOW_SUBSCRIPTION'
}

/** The host cannot be reached, or did not start. */
export class HostUnreachableError extends MsgvanError {
  override readonly name = 'HostUnreachableError'
  readonly code = 'MSGVAN_HOST_UNREACHABLE'
}

/** @param why a sentence without its full stop */
export function unknownOutcome(why: string, options?: ErrorOptions): HostUnreachableError {
  return new HostUnreachableError(
    `${why}: it is unknown whether the call was carried out. Check, and call again.`,
    options,
  )
}

/** An app is a bundle, and lacks a part that only the installed package has. */
export class NotInstalledError extends MsgvanError {
  override readonly name = 'NotInstalledError'
  readonly code = 'MSGVAN_NOT_INSTALLED'
}

/** Another host, or another program, has the port. */
export class PortTakenError extends MsgvanError {
  override readonly name = 'PortTakenError'
  readonly code = 'MSGVAN_PORT_TAKEN'
}

/** The host speaks another version of the protocol. */
export class VersionMismatchError extends MsgvanError {
  override readonly name = 'VersionMismatchError'
  readonly code = 'MSGVAN_VERSION_MISMATCH'
}

/** A missing or wrong secret or token, on either side. */
export class AuthError extends MsgvanError {
  override readonly name = 'AuthError'
  readonly code = 'MSGVAN_AUTH'
}

/** A principal lacks the right for it, at a host with a file of principals. The text names the right. */
export class ForbiddenError extends MsgvanError {
  override readonly name = 'ForbiddenError'
  readonly code = 'MSGVAN_FORBIDDEN'
}

/** A frame breaks the protocol. The host drops its sender. */
export class ProtocolError extends MsgvanError {
  override readonly name = 'ProtocolError'
  readonly code = 'MSGVAN_PROTOCOL'
}

/** The session is gone: the host ended it, or another connection took it over. */
export class SessionLostError extends MsgvanError {
  override readonly name = 'SessionLostError'
  readonly code = 'MSGVAN_SESSION_LOST'
}

/**
 * Messages may have been missed: a bus came back to a host that does not know it any more. Either the bus was away for
 * longer than the host's session time, or the host ended. `patterns` are those of its subscriptions that may have
 * missed messages: the unnamed ones; and, if the earlier host kept them in memory, the named ones in `names`, whose
 * queues are lost. A bus at a follower gets the same error when the leader does not know that host any more.
 */
export class GapError extends MsgvanError {
  override readonly name = 'GapError'
  readonly code = 'MSGVAN_GAP'
  constructor(
    message: string,
    readonly patterns: readonly string[] = [],
    readonly names: readonly string[] = [],
  ) {
    super(message)
  }
}

/** `close()` stopped waiting. The text lists the rest: publishes not accepted, deliveries not settled. */
export class DrainTimeoutError extends MsgvanError {
  override readonly name = 'DrainTimeoutError'
  readonly code = 'MSGVAN_DRAIN_TIMEOUT'
}

/** A handler's module or export is missing, fails to load, or lies outside the allowed roots. */
export class HandlerModuleError extends MsgvanError {
  override readonly name = 'HandlerModuleError'
  readonly code = 'MSGVAN_HANDLER_MODULE'
}

/** A handler's worker crashed. */
export class HandlerCrashedError extends MsgvanError {
  override readonly name = 'HandlerCrashedError'
  readonly code = 'MSGVAN_HANDLER_CRASHED'
}

/**
 * No host offers the actor's requirements. The text names the actor and the missing capability. Nothing was created.
 */
export class ActorPlacementError extends MsgvanError {
  override readonly name = 'ActorPlacementError'
  readonly code = 'MSGVAN_ACTOR_PLACEMENT'

  constructor(
    message: string,
    /** Between hosts: the requirements of its class, if they are values. */
    readonly requires?: Readonly<Record<string, unknown>>,
  ) {
    super(message)
  }
}

/** The actor's module or class cannot be used, or its set-up failed. Nothing was created. */
export class ActorStartError extends MsgvanError {
  override readonly name = 'ActorStartError'
  readonly code = 'MSGVAN_ACTOR_START'
}

/** An `ask` failed: the actor threw at every attempt. `original` is the payload of the question. */
export class ActorError extends MsgvanError {
  override readonly name = 'ActorError'
  readonly code = 'MSGVAN_ACTOR'
  constructor(
    message: string,
    readonly original?: unknown,
  ) {
    super(message)
  }
}

/**
 * The actor does not exist: it was stopped, crashed too often, or never existed. `original` is the payload that was
 * meant for it.
 */
export class ActorStoppedError extends MsgvanError {
  override readonly name = 'ActorStoppedError'
  readonly code = 'MSGVAN_ACTOR_STOPPED'
  constructor(
    message: string,
    readonly original?: unknown,
  ) {
    super(message)
  }
}

/** This kind of bus, or this version, does not have it. The text says where to find it. */
export class UnsupportedError extends MsgvanError {
  override readonly name = 'UnsupportedError'
  readonly code = 'MSGVAN_UNSUPPORTED'
}

/** The store's folder cannot be used or written. The van did not take the refused message over. */
export class StoreError extends MsgvanError {
  override readonly name = 'StoreError'
  readonly code = 'MSGVAN_STORE'
}

/** Another host has the store's folder. */
export class StoreInUseError extends MsgvanError {
  override readonly name = 'StoreInUseError'
  readonly code = 'MSGVAN_STORE_IN_USE'
}

/** The store was written by a newer msgvan. */
export class StoreFormatError extends MsgvanError {
  override readonly name = 'StoreFormatError'
  readonly code = 'MSGVAN_STORE_FORMAT'
}

/** The store's disk is nearly full: the host takes nothing over until there is room. */
export class StoreFullError extends MsgvanError {
  override readonly name = 'StoreFullError'
  readonly code = 'MSGVAN_STORE_FULL'
}

/** Something in the store differs from the written bytes. */
export class StoreDamagedError extends MsgvanError {
  override readonly name = 'StoreDamagedError'
  readonly code = 'MSGVAN_STORE_DAMAGED'
}

/** A message's `ttl` ended before a subscription could hand it out: the reason of its dead letter. */
export class ExpiredError extends MsgvanError {
  override readonly name = 'ExpiredError'
  readonly code = 'MSGVAN_EXPIRED'
}

/** It took too long. */
export class TimeoutError extends MsgvanError {
  override readonly name = 'TimeoutError'
  readonly code = 'MSGVAN_TIMEOUT'
}

/** A command names something that does not exist: a subscription, an actor, a dead letter, a principal. */
export class NotFoundError extends MsgvanError {
  override readonly name = 'NotFoundError'
  readonly code = 'MSGVAN_NOT_FOUND'
}

/** A command could not do its work: it cannot write its output, or read or write a file. */
export class CommandError extends MsgvanError {
  override readonly name = 'CommandError'
  readonly code = 'MSGVAN_COMMAND'
}

/** No bus in this van exposes an observable of that name. */
export class NotExposedError extends MsgvanError {
  override readonly name = 'NotExposedError'
  readonly code = 'MSGVAN_NOT_EXPOSED'
}

/** No bus in this van answers requests with that topic. */
export class NoResponderError extends MsgvanError {
  override readonly name = 'NoResponderError'
  readonly code = 'MSGVAN_NO_RESPONDER'
}

/** A remote observable broke off: the exposing bus is gone or withdrew it, or values were lost on their way. */
export class ObservationLostError extends MsgvanError {
  override readonly name = 'ObservationLostError'
  readonly code = 'MSGVAN_OBSERVATION_LOST'
}

/** The other side could not carry out a request, for a reason without a class of its own. */
export class RemoteError extends MsgvanError {
  override readonly name = 'RemoteError'
  readonly code = 'MSGVAN_REMOTE'
}

const byCode = {
  MSGVAN_INVALID_TOPIC: InvalidTopicError,
  MSGVAN_INVALID_PATTERN: InvalidPatternError,
  MSGVAN_INVALID_OPTION: InvalidOptionError,
  MSGVAN_INVALID_PAYLOAD: InvalidPayloadError,
  MSGVAN_PAYLOAD_TOO_LARGE: PayloadTooLargeError,
  MSGVAN_LIMIT: LimitError,
  MSGVAN_MIDDLEWARE: MiddlewareError,
  MSGVAN_UNREADABLE_PAYLOAD: UnreadablePayloadError,
  MSGVAN_PIPELINE_DEFERS: PipelineDefersError,
  MSGVAN_REFUSED_BY_CONSUMER: RefusedByConsumerError,
  MSGVAN_ACK_TIMEOUT: AckTimeoutError,
  MSGVAN_TAKEN_AWAY: TakenAwayError,
  MSGVAN_CONSUMER_DIED: ConsumerDiedError,
  MSGVAN_NAME_TAKEN: NameTakenError,
  MSGVAN_CLOSED: ClosedError,
  MSGVAN_OUTBOX_FULL: OutboxFullError,
  MSGVAN_OVERFLOW: OverflowError,
  MSGVAN_SLOW_SUBSCRIPTION: SlowSubscriptionError,
  MSGVAN_HOST_UNREACHABLE: HostUnreachableError,
  MSGVAN_PORT_TAKEN: PortTakenError,
  MSGVAN_VERSION_MISMATCH: VersionMismatchError,
  MSGVAN_AUTH: AuthError,
  MSGVAN_FORBIDDEN: ForbiddenError,
  MSGVAN_PROTOCOL: ProtocolError,
  MSGVAN_SESSION_LOST: SessionLostError,
  MSGVAN_GAP: GapError,
  MSGVAN_DRAIN_TIMEOUT: DrainTimeoutError,
  MSGVAN_HANDLER_MODULE: HandlerModuleError,
  MSGVAN_HANDLER_CRASHED: HandlerCrashedError,
  MSGVAN_ACTOR_PLACEMENT: ActorPlacementError,
  MSGVAN_ACTOR_START: ActorStartError,
  MSGVAN_ACTOR: ActorError,
  MSGVAN_ACTOR_STOPPED: ActorStoppedError,
  MSGVAN_UNSUPPORTED: UnsupportedError,
  MSGVAN_STORE: StoreError,
  MSGVAN_STORE_IN_USE: StoreInUseError,
  MSGVAN_STORE_FORMAT: StoreFormatError,
  MSGVAN_STORE_FULL: StoreFullError,
  MSGVAN_STORE_DAMAGED: StoreDamagedError,
  MSGVAN_EXPIRED: ExpiredError,
  MSGVAN_TIMEOUT: TimeoutError,
  MSGVAN_NOT_FOUND: NotFoundError,
  MSGVAN_COMMAND: CommandError,
  MSGVAN_NOT_EXPOSED: NotExposedError,
  MSGVAN_NO_RESPONDER: NoResponderError,
  MSGVAN_NOT_INSTALLED: NotInstalledError,
  MSGVAN_OBSERVATION_LOST: ObservationLostError,
  MSGVAN_REMOTE: RemoteError,
} as const

/**
 * Makes the error again that crossed a link as code and text, in its own class. An unknown code becomes a RemoteError.
 */
export function errorFromCode(code: string, message: string): MsgvanError {
  const kind = Object.hasOwn(byCode, code) ? byCode[code as keyof typeof byCode] : RemoteError
  return new kind(message)
}

/** Cuts a longer text: it is kept with a dead letter, and logged. */
const LONGEST_DESCRIPTION = 2_000

/** Of this realm or another one: under Jest, errors of Node's own modules fail `instanceof Error`. */
function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]'
}

/** The `code` of an error of Node, such as `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/**
 * Anything thrown (`undefined`, a frozen object, an Error with a cycle) as one readable text of bounded length. Never
 * throws.
 */
export function describe(thrown: unknown): string {
  try {
    const text = briefly(thrown)
    const isPlain = !isError(thrown) || thrown.cause === undefined || thrown.cause === thrown
    return shortened(isPlain ? text : `${text} (cause: ${briefly(thrown.cause)})`)
  } catch {
    return 'something that cannot be shown'
  }
}

function briefly(value: unknown): string {
  if (isError(value)) return value.message === '' ? value.name : `${value.name}: ${value.message}`
  if (typeof value === 'object' && value !== null) return shown(value)
  return value === '' ? 'an empty text' : String(value)
}

function shown(value: object): string {
  try {
    // A toJSON() that returns undefined gives no text.
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined) return text
  } catch {
    // A cycle, or a part that throws.
  }
  return Object.prototype.toString.call(value)
}

function shortened(text: string): string {
  return text.length > LONGEST_DESCRIPTION ? `${text.slice(0, LONGEST_DESCRIPTION)} …` : text
}
