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

/** Lets other hosts join this one. */
export interface Followers {
  admit(
    van: string,
    session: FollowerClientSession,
    subscription: number,
    introduction: Introduction,
  ): FollowerSession
}

/**
 * Another host joins a van, by the fields that it sent.
 *
 * @param followers undefined: none can join
 * @throws UnsupportedError, InvalidOptionError, InvalidPatternError
 */
export function admit(
  followers: Followers | undefined,
  van: string,
  session: FollowerClientSession,
  subscription: number,
  fields: Fields,
): FollowerSession {
  if (followers === undefined)
    throw new UnsupportedError(
      'This host accepts no followers. Start it as a leader: msgvan restart --leader --listen ADDRESS.',
    )
  return followers.admit(van, session, subscription, introductionOf(fields))
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
