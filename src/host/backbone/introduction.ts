import type { HostStatus } from '../../bus/contract/status.js'
import { UnsupportedError } from '../../errors.js'
import type { Fields } from '../../wire/frames/fields.js'
import { decodePattern } from '../../wire/frames/subscription-request.js'
import { hostOf } from './host-fields.js'
import type { FollowerClientSession, FollowerSession } from './leader/follower-session.js'

/** A host's words about itself when it joins. */
export interface Introduction {
  readonly host: HostStatus
  /** The place that it and its successors have at a leader. */
  readonly seat: string
  /** The patterns that it wants. */
  readonly patterns: readonly (RegExp | string)[]
  /** It keeps everything that is published anywhere in the van. */
  readonly isKept: boolean
  /** The host whose place it takes. */
  readonly continues: string | undefined
}

/** A van's way to other hosts, which may come to this one. */
export interface MayLead {
  /** Another host joins. Set if this one leads. */
  admit?(session: FollowerClientSession, subscription: number, introduction: Introduction): FollowerSession
}

/**
 * Another host joins, by the fields that it sent.
 *
 * @throws UnsupportedError if this one does not lead; InvalidOptionError, InvalidPatternError
 */
export function admit(
  reach: MayLead,
  session: FollowerClientSession,
  subscription: number,
  fields: Fields,
): FollowerSession {
  if (reach.admit === undefined)
    throw new UnsupportedError(
      'This host accepts no followers. Start it as a leader: msgvan restart --leader --listen ADDRESS.',
    )
  return reach.admit(session, subscription, introductionOf(fields))
}

function introductionOf(fields: Fields): Introduction {
  return {
    host: hostOf(fields.get('host')),
    seat: fields.text('seat', 128),
    patterns: fields.list('patterns').map(decodePattern),
    // An older host does not report it.
    isKept: fields.optional('isKept', key => fields.flag(key)) ?? false,
    continues: fields.optional('continues', key => fields.text(key, 100)),
  }
}
