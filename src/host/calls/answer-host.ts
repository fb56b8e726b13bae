import { AuthError, InvalidOptionError } from '../../errors.js'
import { broken } from '../../wire/protocol.js'
import { decodeRequest } from '../../wire/frames/subscription-request.js'
import { fieldsOf, noSuchCall } from './call-fields.js'
import { REQUEST } from '../backbone/leader/follower-session.js'
import type { Session } from '../session/session.js'

/** Calls that only another host makes. */
export async function answerHost(session: Session, method: string, args: unknown): Promise<unknown> {
  const { guest, van } = session
  const fields = fieldsOf(args)
  if (method === 'backbone.join') {
    if (guest !== undefined) throw broken('joins a second time')
    session.guest = van.reach.admit(session, fields.whole('subscription', 1), fields)
    return true
  }
  if (guest === undefined) throw new AuthError('Only a host that has joined may do that.')
  switch (method) {
    case 'backbone.answer':
      guest.answered(fields)
      return true
    case REQUEST:
      return guest.request(fields)
    case 'backbone.crowded':
      guest.crowded(fields)
      return true
    case 'backbone.continued':
      return guest.hasContinued
    case 'backbone.host':
      guest.changed(fields)
      return true
    case 'backbone.replace': {
      const request = decodeRequest(fields.get('request'))
      if (request.name === undefined)
        throw new InvalidOptionError('A subscription without a name cannot be replaced.')
      await van.replace({ ...request, name: request.name })
      await van.reach.ready(guest)
      return true
    }
    default:
      throw noSuchCall(method)
  }
}
