import { InvalidOptionError } from '../../errors.js'
import { Fields } from '../frames/fields.js'

/** The treatment of a call at both ends. */
export interface CallTraits {
  /** The effect outlasts the bus: a bus that drains waits for the answer before it closes. */
  readonly outlastsBus?: true
  /** The call only reads: a bus that closes without a connection does not wait for the answer. */
  readonly reads?: true
  /** The call changes records in the store: the host answers when they are on the disk. */
  readonly isStored?: true
  /** The arguments hold values of an app, lists, or the words of another host: they may be as large as a payload. */
  readonly isLarge?: true
  /** The answer may take megabytes: the host answers only a few of them at a time for one client. */
  readonly hasLongAnswer?: true
  /**
   * Carried out again it has another result. A client that has lost its session gets the first answer, or an error if
   * the host does not have that. A function: whether that is so for these arguments.
   */
  readonly isDoneOnce?: true | ((args: unknown) => boolean)
  /** Like `isDoneOnce`, but only if there is nothing left to do: then the first one may have done it. */
  readonly mayBeDone?: true
  /** At a follower it waits for the leader, which has the most of what it is about. */
  readonly needsLeader?: true
  /** The answers of all hosts are one: it fails if a host that may come back cannot be reached. */
  readonly needsHosts?: true
  /** The next host process answers it again. It refuses all other calls, because they may have been done. */
  readonly isAnsweredAgain?: true
}

/** The arguments of a call: the caller gives `Sent`, the host works with `Got`. */
export interface CallArguments<Sent, Got = Sent> {
  readonly encode: (sent: Sent) => unknown
  /**
   * @throws InvalidOptionError, and the errors of its fields
   */
  readonly decode: (value: unknown) => Got
}

/** One call: its arguments, its result and its traits. */
export interface CallDefinition<Sent, Got, Result> extends CallTraits {
  readonly args: CallArguments<Sent, Got>
  /** Reads the answer of the host. */
  readonly result: (value: unknown) => Result
}

/** For the table: infers the types of one call. */
export function call<Sent, Got, Result>(
  args: CallArguments<Sent, Got>,
  result: (value: unknown) => Result,
  traits: CallTraits = {},
): CallDefinition<Sent, Got, Result> {
  return { args, result, ...traits }
}

/** The arguments of a call, checked as you read them. */
export function fieldsOf(args: unknown): Fields {
  return new Fields(args, what => new InvalidOptionError(`The arguments of a call: this ${what}.`))
}

/**
 * Arguments that are one object.
 *
 * @param encode Default: they cross unchanged
 */
export function object<Got, Sent = Got>(
  decode: (fields: Fields) => Got,
  encode: (sent: Sent) => unknown = sent => sent,
): CallArguments<Sent, Got> {
  return { encode, decode: value => decode(fieldsOf(value)) }
}

export const nothing: CallArguments<undefined> = { encode: () => undefined, decode: () => undefined }

/** Arguments that the host checks where it uses them. */
export const unchecked: CallArguments<unknown> = { encode: sent => sent, decode: value => value }

/** Results. */
export const done = (): true => true
export const flag = (value: unknown): boolean => value === true
export const count = (value: unknown): number => Number(value)
/** Trusts the host, which has proved its identity. */
export const trusted =
  <Result>() =>
  (value: unknown): Result =>
    value as Result
