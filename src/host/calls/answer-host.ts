import { admit } from '../backbone/introduction.js'
import { AuthError, InvalidOptionError } from '../../errors.js'
import { decodeArgs, type CallName, type GotArgs } from '../../wire/calls/calls.js'
import { broken } from '../../wire/protocol.js'
import type { FollowerSession } from '../backbone/leader/follower-session.js'
import type { Session } from '../session/session.js'
import { everywhere, type Caller } from './client-answers.js'
import { noSuchCall } from '../../wire/calls/no-such-call.js'
import type { Services } from './services.js'
import { UNREGISTER } from './unregister.js'

export type BackboneCall = Extract<CallName, `backbone.${string}`>
type FollowerCall = Exclude<BackboneCall, 'backbone.join'>

/** A call of a host that has joined. */
interface FollowerCaller extends Caller {
  readonly follower: FollowerSession
}

const ANSWERS: { readonly [N in FollowerCall]: (caller: FollowerCaller, args: GotArgs<N>) => unknown } = {
  'backbone.answer': ({ follower }, fields) => {
    follower.answered(fields)
    return true
  },
  'backbone.request': ({ follower }, request) => follower.request(request),
  'backbone.crowded': ({ follower }, crowded) => {
    follower.crowded(crowded)
    return true
  },
  'backbone.delayed': ({ session: { van } }, { id }) => van.broker.ruled.topicOf(id),
  'backbone.continued': ({ follower }) => follower.hasContinued,
  'backbone.host': ({ follower }, { host }) => {
    follower.changed(host)
    return true
  },
  'backbone.sights': ({ session }, { sights }) => {
    for (const sight of sights) session.subscriptions.renewSight(sight)
    return true
  },
  'backbone.replace': async ({ follower, session: { van, access } }, { request }) => {
    if (request.name === undefined)
      throw new InvalidOptionError('A subscription without a name cannot be replaced.')
    const { name } = request
    const servedSince = await van.replace({ ...request, name, principal: access?.principal.name })
    await van.reach.ready(follower.relay)
    return servedSince
  },
  [UNREGISTER]: async (caller, args) => (await everywhere(caller, UNREGISTER, args)).includes(true),
}

/** Answers calls that only another host makes. */
export function answerHost(session: Session, name: BackboneCall, args: unknown, services: Services): unknown {
  const { follower } = session
  if (name === 'backbone.join') return join(session, decodeArgs(name, args), services)
  if (follower === undefined)
    throw name === UNREGISTER ? noSuchCall(name) : new AuthError('Only a host that has joined may do that.')
  return answerBy(name, args, { session, services, follower })
}

function join(
  session: Session,
  { subscription, introduction }: GotArgs<'backbone.join'>,
  { followers }: Services,
): true {
  if (session.follower !== undefined) throw broken('joins a second time')
  session.follower = admit(followers, session.van.name, session, subscription, introduction)
  return true
}

function answerBy<N extends FollowerCall>(name: N, args: unknown, caller: FollowerCaller): unknown {
  return ANSWERS[name](caller, decodeArgs(name, args))
}
