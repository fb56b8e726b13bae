import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { object } from './call-definition.js'
import type { Fields } from '../frames/fields.js'
import { decodeVerdicts, encodeVerdicts, type KeptVerdicts } from '../frames/kept-verdicts.js'
import { decodePattern, decodeRequest, encodePattern, encodeRequest } from '../frames/subscription-request.js'

export interface SubscribeArgs {
  /** The client's number for it. */
  readonly subscription: number
  readonly request: SubscriptionRequest
  /** The consumer ends with the host whose client this side is. */
  readonly endsWithHost: boolean
  /** Verdicts of a lost session. */
  readonly settled: KeptVerdicts | undefined
}

export const subscribeArgs = object(
  (fields): SubscribeArgs => ({
    subscription: fields.whole('subscription', 1),
    request: requestOf(fields),
    endsWithHost: fields.optional('endsWithHost', key => fields.flag(key)) ?? false,
    settled: fields.has('settled') ? decodeVerdicts(fields.get('settled')) : undefined,
  }),
  ({ subscription, request, endsWithHost, settled }: SubscribeArgs) => ({
    subscription,
    request: encodeRequest(request),
    ...(endsWithHost ? { endsWithHost } : {}),
    ...(settled === undefined ? {} : { settled: encodeVerdicts(settled.verdicts, settled.incarnation) }),
  }),
)

/** The host knows the owner by itself. */
function requestOf(fields: Fields): SubscriptionRequest {
  return { ...decodeRequest(fields.get('request')), principal: undefined }
}

/** Arguments with a subscription request, and others that cross unchanged. */
export function withRequest<Others extends object>(decode: (fields: Fields) => Others) {
  return object(
    (fields): Others & { request: SubscriptionRequest } => ({
      ...decode(fields),
      request: requestOf(fields),
    }),
    (sent: Others & { request: SubscriptionRequest }) => ({ ...sent, request: encodeRequest(sent.request) }),
  )
}

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
