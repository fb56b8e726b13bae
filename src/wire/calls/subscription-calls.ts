import type { Sight } from '../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { object } from './call-definition.js'
import type { Fields } from '../frames/fields.js'
import { decodeVerdicts, encodeVerdicts, type KeptVerdicts } from '../frames/kept-verdicts.js'
import { decodeSight, encodeSight } from '../frames/sight.js'
import { decodePattern, decodeRequest, encodePattern, encodeRequest } from '../frames/subscription-request.js'

export interface SubscribeArgs {
  /** The client's number for it. */
  readonly subscription: number
  readonly request: SubscriptionRequest
  /** The consumer ends with the host whose client this side is. */
  readonly endsWithHost: boolean
  /** Verdicts of a lost session. */
  readonly settled: KeptVerdicts | undefined
  /** An earlier host, or session, had confirmed it. */
  readonly isAgain: boolean
}

export const subscribeArgs = object(
  (fields): SubscribeArgs => ({
    subscription: fields.whole('subscription', 1),
    request: limitedRequestOf(fields),
    endsWithHost: fields.optional('endsWithHost', key => fields.flag(key)) ?? false,
    settled: fields.has('settled') ? decodeVerdicts(fields.get('settled')) : undefined,
    isAgain: fields.optional('isAgain', key => fields.flag(key)) ?? false,
  }),
  ({ subscription, request, endsWithHost, settled, isAgain }: SubscribeArgs) => ({
    subscription,
    request: encodeRequest(request),
    ...(endsWithHost ? { endsWithHost } : {}),
    ...(settled === undefined ? {} : { settled: encodeVerdicts(settled.verdicts, settled.incarnation) }),
    ...(isAgain ? { isAgain } : {}),
  }),
)

/** Whether it goes on, or is new. False: an earlier host had confirmed it, and this one has begun it anew. */
export const isWhole = (value: unknown): boolean => value !== false

/** The host knows the owner by itself. A host that has joined says which of its own principals that is. */
function limitedRequestOf(fields: Fields): SubscriptionRequest {
  return { ...servedRequestOf(fields), servedSince: undefined }
}

/** A host that has joined asks for its own handlers and actors. A name is paused by a call of its own. */
function servedRequestOf(fields: Fields): SubscriptionRequest {
  return { ...decodeRequest(fields.get('request')), principal: undefined, paused: undefined }
}

function requestOf(fields: Fields): SubscriptionRequest {
  return { ...limitedRequestOf(fields), sight: undefined }
}

/** Arguments with a subscription request, and others that cross unchanged. */
export function withRequest<Others extends object>(decode: (fields: Fields) => Others) {
  return requesting(decode, requestOf)
}

/** The same of a host that has joined, for one of its principals. */
export function withLimited<Others extends object>(decode: (fields: Fields) => Others) {
  return requesting(decode, servedRequestOf)
}

function requesting<Others extends object>(
  decode: (fields: Fields) => Others,
  readRequest: (fields: Fields) => SubscriptionRequest,
) {
  return object(
    (fields): Others & { request: SubscriptionRequest } => ({
      ...decode(fields),
      request: readRequest(fields),
    }),
    (sent: Others & { request: SubscriptionRequest }) => ({ ...sent, request: encodeRequest(sent.request) }),
  )
}

/** The rights of principals of a follower, for its leader. */
export interface SightsArgs {
  readonly sights: readonly Sight[]
}

/** Most sights in one call. */
const MOST_SIGHTS = 1_000

export const sightsArgs = object(
  (fields): SightsArgs => ({ sights: fields.list('sights', MOST_SIGHTS).map(decodeSight) }),
  ({ sights }: { readonly sights: () => readonly Sight[] }) => ({ sights: sights().map(encodeSight) }),
)

/** A subscription of a follower is full, or has room again. */
export interface CrowdedArgs {
  readonly id: string
  readonly pattern: RegExp | string
  readonly isCrowded: boolean
}

export const crowdedArgs = object(
  (fields): CrowdedArgs => ({
    id: fields.text('id', 200),
    pattern: decodePattern(fields.get('pattern')),
    isCrowded: fields.flag('isCrowded'),
  }),
  ({ id, pattern, isCrowded }: CrowdedArgs) => ({ id, pattern: encodePattern(pattern), isCrowded }),
)
