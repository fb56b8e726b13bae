import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import { addressOf } from '../../bus/actors/create-actors.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Fields } from '../frames/fields.js'
import { decodeRequest, encodeRequest } from '../frames/subscription-request.js'
import { decodeActorRequest } from './actor-request.js'
import { done, fieldsOf, flag, object, type CallArguments } from './call-definition.js'
import {
  bornOfIn,
  readAddress,
  readFound,
  readPlaced,
  readStarted,
  requiresOf,
  selfOf,
  vanOf,
  wantedOf,
  withinOf,
  type Wanted,
} from './placing.js'

type NamedRequest = SubscriptionRequest & { readonly name: string }

const LOG_LEVELS = ['error', 'warning', 'info', 'debug'] as const
export const LONGEST_LOG_TEXT = 64 * 1024

const EXIT_REASONS = ['stopped', 'crashed', 'unfit'] as const

const named = object(fields => ({ ...vanOf(fields), name: fields.text('name', 200) }))
const self = object(selfOf)

const exitOf = (fields: Fields) => ({
  reason: fields.oneOf('reason', EXIT_REASONS),
  detail: fields.text('detail', 100_000),
})

/** The subscriptions with a name. */
function subscriptionsOf(fields: Fields): { subscriptions: readonly NamedRequest[] } {
  const all = fields.list('subscriptions', 10_000).map(decodeRequest)
  return {
    subscriptions: all.flatMap(request =>
      request.name === undefined ? [] : [{ ...request, name: request.name }],
    ),
  }
}

/** Arguments with subscriptions, and others that cross unchanged. */
function withSubscriptions<Got extends object>(decode: (fields: Fields) => Got) {
  return object(
    (fields): Got & { subscriptions: readonly NamedRequest[] } => ({
      ...decode(fields),
      ...subscriptionsOf(fields),
    }),
    (sent: Got & { subscriptions: readonly NamedRequest[] }) => ({
      ...sent,
      subscriptions: sent.subscriptions.map(encodeRequest),
    }),
  )
}

/** Instances of an actor for a host, from the leader, which coordinates them. */
interface InstanceOrder {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly numbers: readonly number[]
  readonly ticket: string
  readonly asking: string
  readonly within: number | undefined
  readonly isAgain: boolean
}

interface HostRequest<Sent, Got, Answer> {
  readonly args: CallArguments<Sent, Got>
  /** Reads the answer. */
  readonly answer: (value: unknown) => Answer
}

/** For the table: infers the types of one request. */
function request<Sent, Got, Answer>(
  args: CallArguments<Sent, Got>,
  answer: (value: unknown) => Answer,
): HostRequest<Sent, Got, Answer> {
  return { args, answer }
}

/**
 * All requests between hosts (`backbone.request`), by their names on the wire: arguments and answer. Both ends have their
 * types and checks from here.
 */
export const HOST_REQUESTS = {
  'actors.find': request(named, readAddress),
  'actors.named': request(named, readFound),
  'actors.place': request(
    object<Wanted & { id: string | undefined }, Wanted & { id?: string }>(fields => {
      const wanted = wantedOf(fields)
      // An actor with a name gets its id where it is placed.
      return { ...wanted, id: wanted.request.name === undefined ? fields.text('id', 100) : undefined }
    }),
    readPlaced,
  ),
  'actors.start': request(
    object(fields => ({ ...wantedOf(fields), id: fields.text('id', 100), within: withinOf(fields) })),
    readStarted,
  ),
  'actors.stop': request(
    object(
      (
        fields,
      ): { van: string; id: string; detail?: string | undefined; isUnmissed?: boolean | undefined } => ({
        ...vanOf(fields),
        id: fields.text('id', 100),
        detail: fields.optional('detail', key => fields.text(key, 1_000)),
        isUnmissed: fields.optional('isUnmissed', key => fields.flag(key)),
      }),
    ),
    flag,
  ),
  'actors.subscribe': request(
    object(
      fields => ({
        ...vanOf(fields),
        name: fields.text('name', 200),
        id: fields.text('id', 100),
        request: decodeRequest(fields.get('request')),
      }),
      sent => ({ ...sent, request: encodeRequest(sent.request) }),
    ),
    done,
  ),
  'actors.offer': request(
    object((fields): { requires: CapabilityValues; id?: string | undefined } => ({
      requires: requiresOf(fields),
      id: fields.optional('id', key => fields.text(key, 100)),
    })),
    (value): { load: number; lacks: string | undefined } => {
      const fields = fieldsOf(value)
      return {
        load: fields.whole('load'),
        lacks: fields.optional('lacks', key => fields.text(key, 100_000)),
      }
    },
  ),
  'actors.crew': request(
    withSubscriptions((fields): InstanceOrder => ({
      ...selfOf(fields),
      request: decodeActorRequest(fields.fields('request')),
      numbers: fields.numbers('numbers', 1, 1_000, 1_000),
      asking: fields.text('asking', 100),
      ticket: fields.text('ticket', 100),
      within: withinOf(fields),
      // Older hosts do not send it.
      isAgain: fields.optional('isAgain', key => fields.flag(key)) ?? false,
    })),
    readStarted,
  ),
  'actors.crewStop': request(self, flag),
  'actors.crewSubscribe': request(withSubscriptions(selfOf), done),
  'actors.crewThere': request(self, flag),
  // Only a clear "no" ends instances.
  'actors.crewWanted': request(self, value => value !== false),
  'actors.crewEnded': request(
    object(fields => ({ ...selfOf(fields), ...exitOf(fields) })),
    done,
  ),
  'actors.bereft': request(
    object(fields => ({ ...selfOf(fields), incarnation: fields.text('incarnation', 100) })),
    done,
  ),
  'actors.abandoned': request(self, flag),
  'actors.adopt': request(
    object(fields => ({
      ...selfOf(fields),
      parent: fields.text('parent', 100),
      host: fields.text('host', 100),
      // Older hosts do not send it.
      bornOf: bornOfIn(fields),
    })),
    done,
  ),
  'actors.childExited': request(
    object(fields => ({
      ...vanOf(fields),
      parent: fields.text('parent', 100),
      child: addressOf(fields.get('child')),
      ...exitOf(fields),
    })),
    done,
  ),
  'actors.retire': request(
    object(fields => ({
      ...vanOf(fields),
      name: fields.text('name', 200),
      text: fields.text('text', 100_000),
    })),
    done,
  ),
  'actors.log': request(
    object(fields => ({
      level: fields.oneOf('level', LOG_LEVELS),
      text: fields.text('text', LONGEST_LOG_TEXT),
    })),
    done,
  ),
}

type HostRequests = typeof HOST_REQUESTS

export type RequestName = keyof HostRequests
/** The arguments that the asking host gives. */
export type SentRequest<N extends RequestName> = Parameters<HostRequests[N]['args']['encode']>[0]
/** The arguments, checked, that the asked host works with. */
export type GotRequest<N extends RequestName> = ReturnType<HostRequests[N]['args']['decode']>
export type AnswerTo<N extends RequestName> = ReturnType<HostRequests[N]['answer']>

/** Encodes the arguments of a request. */
export function encodeHostRequest<N extends RequestName>(name: N, args: SentRequest<N>): unknown {
  const encode = HOST_REQUESTS[name].args.encode as (sent: SentRequest<N>) => unknown
  return encode(args)
}

/**
 * Checks the arguments of a request that arrived.
 *
 * @throws InvalidOptionError, InvalidPatternError
 */
export function decodeHostRequest<N extends RequestName>(name: N, body: unknown): GotRequest<N> {
  return HOST_REQUESTS[name].args.decode(body) as GotRequest<N>
}

/** @throws InvalidOptionError */
export function readAnswer<N extends RequestName>(name: N, value: unknown): AnswerTo<N> {
  return HOST_REQUESTS[name].answer(value) as AnswerTo<N>
}
