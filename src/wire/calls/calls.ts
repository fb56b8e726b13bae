import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import { decodeActorRequest } from './actor-request.js'
import {
  call,
  count,
  done,
  flag,
  nothing,
  object,
  trusted,
  unchecked,
  type CallDefinition,
  type CallTraits,
} from './call-definition.js'
import { filterArgs, pageArgs, readLetterPage } from './dead-letter-calls.js'
import { decodeBooks } from '../frames/consumer-books.js'
import type { Fields } from '../frames/fields.js'
import { idArgs, publishArgs } from './publish-calls.js'
import { readEntry, readKeys, readOutcome, stateArgs, stateChangeArgs, stateKeysArgs } from './state-calls.js'
import { MAX_CALL_BYTES } from '../protocol.js'
import {
  crowdedArgs,
  isWhole,
  sightsArgs,
  subscribeArgs,
  withLimited,
  withRequest,
} from './subscription-calls.js'

const name = (fields: Fields): { name: string } => ({ name: fields.text('name', 200) })
const named = object(name)

/** Arguments that the leader reads where it uses them. */
const forLeader = object<Fields, object>(fields => fields)

const ofLetters: CallTraits = {
  outlastsBus: true,
  isStored: true,
  isDoneOnce: true,
  needsLeader: true,
  needsHosts: true,
}

/**
 * All calls between a bus and its host, and from a follower to its leader, by their names on the wire: arguments, result and traits.
 * Both ends have their types and checks from here. Calls to the host process itself begin with `host.`.
 */
export const CALLS = {
  ready: call(nothing, done, { reads: true, isStored: true, isAnsweredAgain: true }),
  subscribe: call(subscribeArgs, isWhole, { isStored: true, isLarge: true, isAnsweredAgain: true }),
  unsubscribe: call(named, flag, { outlastsBus: true, isStored: true, mayBeDone: true }),
  pause: call(
    object(fields => ({ ...name(fields), isPaused: fields.flag('isPaused') })),
    flag,
    { outlastsBus: true, isStored: true, isAnsweredAgain: true },
  ),
  // With an id, or a delay. Its answer itself waits for the disk.
  publish: call(publishArgs, done, { outlastsBus: true, isLarge: true, isAnsweredAgain: true }),
  cancel: call(idArgs, flag, { outlastsBus: true, isStored: true }),
  books: call(object(decodeBooks), done, { isLarge: true }),
  away: call(
    object(fields => ({ subscription: fields.whole('subscription', 1), isAway: fields.flag('isAway') })),
    done,
  ),
  status: call(nothing, trusted<VanStatus>(), { reads: true, isAnsweredAgain: true, hasLongAnswer: true }),
  hosts: call(nothing, trusted<HostStatus[]>(), { reads: true, isAnsweredAgain: true }),
  // Not answered again: the host has another id after its restart, and a page names its host.
  'deadLetters.page': call(pageArgs, readLetterPage, { reads: true, hasLongAnswer: true, needsLeader: true }),
  'deadLetters.replay': call(filterArgs, count, ofLetters),
  'deadLetters.purge': call(filterArgs, count, ofLetters),
  'handlers.register': call(
    withRequest(fields => ({
      ...name(fields),
      module: fields.text('module', 10_000),
      export: fields.text('export', 1_000),
      // Older clients do not send it.
      isolation: fields.optional('isolation', key => fields.oneOf(key, ['thread', 'process'] as const)),
    })),
    done,
    { outlastsBus: true, isStored: true },
  ),
  'actors.create': call(object<ActorRequest>(decodeActorRequest), trusted<ActorAddress>(), {
    outlastsBus: true,
    isStored: true,
    isLarge: true,
    // With a name it finds the actor that is there.
    isDoneOnce: args => (args as Partial<ActorRequest> | undefined)?.name === undefined,
  }),
  'actors.find': call(named, trusted<ActorAddress | undefined>(), { reads: true, isAnsweredAgain: true }),
  'actors.subscribe': call(
    withRequest(fields => ({ ...name(fields), id: fields.text('id', 100) })),
    done,
    { outlastsBus: true, isStored: true },
  ),
  'actors.stop': call(
    object(fields => ({ id: fields.text('id', 100) })),
    flag,
    { outlastsBus: true, isStored: true, mayBeDone: true },
  ),
  'states.get': call(stateArgs, readEntry, { reads: true, isAnsweredAgain: true, hasLongAnswer: true }),
  'states.change': call(stateChangeArgs, readOutcome, {
    outlastsBus: true,
    isStored: true,
    isLarge: true,
    isAnsweredAgain: true,
  }),
  'states.keys': call(stateKeysArgs, readKeys, { reads: true, isAnsweredAgain: true, hasLongAnswer: true }),
  'backbone.join': call(
    object<{ subscription: number; introduction: Fields }, { subscription: number }>(fields => ({
      subscription: fields.whole('subscription', 1),
      introduction: fields,
    })),
    done,
  ),
  'backbone.answer': call(forLeader, done),
  'backbone.request': call(
    object(fields => ({
      host: fields.text('host', 100),
      name: fields.text('name', 100),
      body: fields.get('body'),
    })),
    trusted<unknown>(),
    { isDoneOnce: true },
  ),
  'backbone.crowded': call(crowdedArgs, done),
  'backbone.continued': call(
    object<object, undefined>(
      () => ({}),
      () => ({}),
    ),
    trusted<unknown>(),
  ),
  'backbone.host': call(
    object(fields => ({ host: fields.get('host') })),
    done,
  ),
  'backbone.replace': call(
    withLimited(() => ({})),
    // A leader of an earlier version answers with true.
    (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined),
    { isStored: true },
  ),
  'backbone.delayed': call(idArgs, (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined,
  ),
  'backbone.sights': call(sightsArgs, done),
  'backbone.unregister': call(named, flag, { isStored: true }),
  'host.stop': call(unchecked, done),
  'host.capabilities': call(unchecked, trusted<unknown>(), { outlastsBus: true, isLarge: true }),
  'host.joining': call(nothing, trusted<unknown>()),
  'host.registrations': call(nothing, trusted<unknown>()),
  'host.settings': call(nothing, trusted<unknown>()),
  'host.handOver': call(
    object(fields => ({ client: fields.text('client', 64) })),
    done,
  ),
}

type Calls = typeof CALLS

export type CallName = keyof Calls
/** A call to the host process itself. */
export type HostCall = Extract<CallName, `host.${string}`>
/** Its name without `host.`. */
export type HostMethod = HostCall extends infer Name
  ? Name extends `host.${infer Method}`
    ? Method
    : never
  : never

/** The calls that a host passes on to the other hosts; each of them answers for itself. */
const ASKED_OF_HOSTS = [
  'status',
  'deadLetters.page',
  'deadLetters.replay',
  'deadLetters.purge',
  'backbone.unregister',
] as const satisfies readonly CallName[]

export type AskedOfHosts = (typeof ASKED_OF_HOSTS)[number]

/** The arguments that the caller gives. */
export type SentArgs<N extends CallName> = Parameters<Calls[N]['args']['encode']>[0]
/** The arguments, checked, that the host works with. */
export type GotArgs<N extends CallName> = ReturnType<Calls[N]['args']['decode']>
export type ResultOf<N extends CallName> = ReturnType<Calls[N]['result']>
/** For a parameter list: calls without arguments need none. */
export type CallArgs<N extends CallName> =
  undefined extends SentArgs<N> ? [args?: SentArgs<N>] : [args: SentArgs<N>]
export type Call = <N extends CallName>(name: N, ...args: CallArgs<N>) => Promise<ResultOf<N>>

/**
 * @param name as it comes or goes over the link
 */
export function isCallName(name: string): name is CallName {
  return Object.hasOwn(CALLS, name)
}

export function isAskedOfHosts(name: string): name is AskedOfHosts {
  return ASKED_OF_HOSTS.some(each => each === name)
}

const noTraits: CallTraits = {}
const unknownCall: CallDefinition<unknown, unknown, unknown> = call(unchecked, trusted<unknown>(), noTraits)

/** The definition for the caller's end. A call of another version has no traits and no checks: the host decides. */
export function definitionOf(name: string): CallDefinition<unknown, unknown, unknown> {
  return isCallName(name) ? (CALLS[name] as CallDefinition<unknown, unknown, unknown>) : unknownCall
}

/**
 * @param name as it comes or goes over the link; an unknown name has no traits
 */
export function traitsOf(name: string): CallTraits {
  return isCallName(name) ? CALLS[name] : noTraits
}

/** The limit for the encoded arguments of a call. @param maxPayload of the host */
export function maxCallBytes(called: string, maxPayload: number): number {
  const isLarge = traitsOf(called).isLarge === true || called.startsWith('backbone.')
  return isLarge ? maxPayload : Math.min(maxPayload, MAX_CALL_BYTES)
}

/**
 * Checks the arguments of a call that arrived.
 *
 * @throws InvalidOptionError, InvalidPatternError
 */
export function decodeArgs<N extends CallName>(called: N, args: unknown): GotArgs<N> {
  return CALLS[called].args.decode(args) as GotArgs<N>
}
