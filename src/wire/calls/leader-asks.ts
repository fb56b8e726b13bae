import type { Fields } from '../frames/fields.js'
import { fieldsOf } from './call-definition.js'

/** Another host's request, which the leader passes on. */
export interface PassedRequest {
  readonly name: string
  readonly body: unknown
  readonly from: string
}

/** An error for a client of the follower. */
export interface PublisherNotice {
  readonly publisher: string
  readonly code: string
  readonly text: string
}

/** The asks of a leader to a follower that no client makes, by their names on the wire. The others are `AskedOfHosts`. */
const LEADER_ASKS = {
  'backbone.request': (fields: Fields): PassedRequest => ({
    name: fields.text('name', 100),
    body: fields.get('body'),
    from: fields.text('from', 100),
  }),
  'backbone.tell': (fields: Fields): PublisherNotice => ({
    publisher: fields.text('publisher', 200),
    code: fields.text('code', 64),
    text: fields.text('text', 10_000),
  }),
}

type LeaderAsks = typeof LEADER_ASKS

export type LeaderAsk = keyof LeaderAsks
export type AskArgs<N extends LeaderAsk> = ReturnType<LeaderAsks[N]>

/**
 * Checks the arguments of an ask that arrived.
 *
 * @throws InvalidOptionError
 */
export function decodeAskArgs<N extends LeaderAsk>(name: N, args: unknown): AskArgs<N> {
  return LEADER_ASKS[name](fieldsOf(args)) as AskArgs<N>
}
