import type { StateBroker } from '../../bus/contract/control.js'
import { AuthError, HostUnreachableError, StoreError, TimeoutError, UnsupportedError } from '../../errors.js'
import {
  decodeArgs,
  type AskedOfHosts,
  type CallName,
  type GotArgs,
  type ResultOf,
  type SentArgs,
} from '../../wire/calls/calls.js'
import type { LetterPage } from '../../wire/calls/dead-letter-calls.js'
import { inTime } from '../backbone/host-requests.js'
import { PartlyAnswered } from '../backbone/partly-answered.js'
import { isOfWorkers } from '../../workers/isolate.js'
import type { Session } from '../session/session.js'
import { statusOfVan, type StatusPart } from '../van/status-of-van.js'
import { viewOf } from '../rights/follower-views.js'
import type { Seer } from '../rights/view.js'
import { visibleHosts, visibleLetters, visibleStatus } from '../rights/call-rights.js'
import { answerHere, lettersHere } from './answer-here.js'
import { cancel, publishRuled } from './ruled-publish.js'
import { actorsIn, type Services } from './services.js'
import { UNREGISTER, unregisterEverywhere } from './unregister.js'

/** The longest wait of `ready` for the leader. */
const PLACED_MS = 10_000

/** A call of a client, with its session. */
export interface Caller {
  readonly session: Session
  readonly services: Services
}

type ClientCall = Exclude<CallName, `host.${string}` | `backbone.${string}`>

/** A follower gets its leader's `status` as a part of its own. */
type Answer<N extends ClientCall> = ResultOf<N> | (N extends 'status' ? StatusPart : never)

/** The answers to the calls of clients. Their arguments are checked. */
export const CLIENT_ANSWERS: {
  readonly [N in ClientCall]: (caller: Caller, args: GotArgs<N>) => Answer<N> | Promise<Answer<N>>
} = {
  ready: async ({ session }): Promise<true> => {
    session.van.writeNames()
    await allInForce(session)
    return true
  },
  subscribe: ({ session }, args) => subscribe(session, args),
  books: ({ session }, books) => {
    session.calls.booksCame(books)
    return true
  },
  away: ({ session }, { subscription, isAway }) => {
    session.consumers.away(subscription, isAway)
    return true
  },
  unsubscribe: ({ session, services }, { name }) => unsubscribe(session, name, services),
  pause: ({ session }, { name, isPaused }) => session.van.controlOf(name).pause(name, isPaused),
  publish: ({ session }, args) => publishRuled(session, args),
  cancel: ({ session }, { id }) => cancel(session, id),
  status: caller => status(caller),
  hosts: ({ session: { access }, services }) =>
    access === undefined ? services.hosts() : visibleHosts(services.hosts(), access.principal),
  'deadLetters.page': (caller, args) => letterPage(caller, args),
  'deadLetters.replay': (caller, filter) => ofLetters(caller, 'deadLetters.replay', filter),
  'deadLetters.purge': (caller, filter) => ofLetters(caller, 'deadLetters.purge', filter),
  'states.get': ({ session }, { topic }) => atLeader(session, states => states.get(topic)),
  'states.change': ({ session }, change) => atLeader(session, states => states.change(change)),
  'states.keys': ({ session }, { pattern }) => stateKeys(session, pattern),
  'handlers.register': (caller, args) => registerHandler(caller, args),
  'actors.create': ({ session, services }, request) =>
    actorsIn(services).create(
      session.van.name,
      { ...request, principal: session.access?.principal.name },
      session,
    ),
  'actors.find': ({ session, services }, { name }) => actorsIn(services).find(session.van.name, name),
  'actors.subscribe': async ({ session, services }, { name, id, request }): Promise<true> => {
    const principal = session.access?.principal
    session.subscriptions.checkName(name)
    const limited = { ...request, principal: principal?.name, sight: principal?.sight }
    await actorsIn(services).subscribe(session.van.name, name, id, limited)
    return true
  },
  'actors.stop': ({ session, services }, { id }) => actorsIn(services).stop(session.van.name, id),
}

export function isClientCall(name: string): name is ClientCall {
  return Object.hasOwn(CLIENT_ANSWERS, name)
}

/** The answers of all hosts, this one first. */
export async function everywhere<N extends AskedOfHosts>(
  { session: { van, follower }, services }: Caller,
  name: N,
  args: SentArgs<N>,
): Promise<unknown[]> {
  const [own, others] = await Promise.all([
    answerHere(van, name, decodeArgs(name, args), services),
    van.reach.ask(name, args, follower?.relay),
  ])
  return [own, ...others]
}

function sum(counts: readonly unknown[]): number {
  return counts.reduce<number>((total, count) => total + Number(count), 0)
}

/** The letters that the caller may see. */
async function letterPage(caller: Caller, args: GotArgs<'deadLetters.page'>): Promise<LetterPage> {
  // One host at a time, so that an answer stays small. A host that is gone has no letters.
  const pages = await everywhere(caller, 'deadLetters.page', args)
  const page = (pages.find(each => each !== undefined) ?? { letters: [] }) as LetterPage
  const { access } = caller.session
  return access === undefined ? page : visibleLetters(page, access.principal)
}

/** Replays or purges letters: of a principal those alone that it may see, which each host finds out for itself. */
async function ofLetters(
  { session: { access, follower, van }, services }: Caller,
  name: 'deadLetters.replay' | 'deadLetters.purge',
  { sights: given = [], ...filter }: GotArgs<'deadLetters.replay'>,
): Promise<number> {
  const principal = access?.principal
  // Only a host passes on the rights of others.
  const others = follower === undefined ? [] : given
  if (services.hosts().length > 1) principal?.checkSight()
  const seers: Seer[] = others.map(viewOf)
  const sights = principal === undefined ? others : [...others, principal.sight]
  // First, because a leader that cannot be reached leaves everything as it is.
  const elsewhere = await van.reach
    .ask(name, sights.length === 0 ? filter : { ...filter, sights }, follower?.relay)
    .catch((error: unknown) => {
      if (error instanceof PartlyAnswered) return error
      throw error
    })
  const own = await lettersHere(van, name, filter, principal === undefined ? seers : [...seers, principal])
  if (!(elsewhere instanceof PartlyAnswered)) return own + sum(elsewhere)
  const done = `${name === 'deadLetters.replay' ? 'replayed' : 'purged'}: ${own + sum(elsewhere.answers)}`
  throw new HostUnreachableError(`${elsewhere.message} On the other hosts it was done (${done}).`)
}

async function subscribe(
  session: Session,
  { subscription, request, endsWithHost, settled, isAgain }: GotArgs<'subscribe'>,
): Promise<boolean> {
  if (request.sight !== undefined && session.follower === undefined) {
    session.access?.principal.mustHave('join', 'a host')
    throw new AuthError('Only a host that has joined may subscribe for its principals.')
  }
  const restored = session.subscriptions.restored(subscription)
  if (restored !== undefined) return restored.then(() => true)
  // Verdicts come first: they spare the client messages that it has settled.
  if (settled !== undefined) session.subscriptions.settledBefore(subscription, request, settled)
  const isBegunAnew =
    isAgain && session.follower === undefined && !session.subscriptions.isAwaited(subscription, request)
  await session.subscriptions.open(subscription, request)
  if (endsWithHost) session.consumers.endsWithHost(subscription)
  return !isBegunAnew
}

async function unsubscribe(session: Session, name: string, services: Services): Promise<boolean> {
  const serving = { ...services, actors: services.actors?.here }
  const wasServed = await unregisterEverywhere(session, name, serving)
  const wasThere = await session.van.unsubscribe(name)
  return wasThere || wasServed
}

async function status(caller: Caller): Promise<ResultOf<'status'> | StatusPart> {
  const { session, services } = caller
  const [own, ...others] = (await everywhere(caller, 'status', undefined)) as [StatusPart, ...StatusPart[]]
  const log = session.van.reach.names === undefined ? own : others.find(part => part.status.log !== undefined)
  const all = statusOfVan(own, others, services.hosts(), log?.status.log)
  const whole = session.access === undefined ? all : visibleStatus(all, session.access.principal)
  return session.follower === undefined ? whole : { status: whole, handlers: {} }
}

/** @throws HostUnreachableError: the leader is away */
async function atLeader<R>(session: Session, ask: (states: StateBroker) => Promise<R>): Promise<R> {
  return inTime(ask(session.van.states), PLACED_MS, 'The leader').catch((error: unknown) => {
    if (!(error instanceof TimeoutError)) throw error
    throw new HostUnreachableError(
      `The leader could not be reached within ${PLACED_MS} ms: it decides about the states of the van.`,
      { cause: error },
    )
  })
}

/** Those that the caller may see. */
async function stateKeys(session: Session, pattern: RegExp | string): Promise<string[]> {
  const keys = await atLeader(session, states => states.keys(pattern))
  const principal = session.access?.principal
  return principal === undefined ? keys : keys.filter(topic => principal.sees(topic))
}

/**
 * @throws StoreError, HostUnreachableError: a subscription is not in force, or not stored, at its host
 */
async function allInForce(session: Session): Promise<void> {
  const { van, follower, subscriptions } = session
  const { placed } = subscriptions
  // It may fail while this waits for the leader.
  placed?.catch(() => undefined)
  await van.reach.ready(follower?.relay)?.catch((error: unknown) => {
    if (!(error instanceof StoreError) || subscriptions.needsDisk) throw error
  })
  if (placed === undefined) return
  await inTime(placed, PLACED_MS, 'The leader').catch((error: unknown) => {
    if (!(error instanceof TimeoutError)) throw error
    throw new HostUnreachableError(
      `The leader could not be reached within ${PLACED_MS} ms: subscriptions with a name, or with \`from\`, are not in force yet. They will be as soon as it can.`,
      { cause: error },
    )
  })
}

async function registerHandler(
  { session, services: { handlers, actors } }: Caller,
  { name, module, export: exported, isolation, request }: GotArgs<'handlers.register'>,
): Promise<true> {
  if (handlers === undefined)
    throw new UnsupportedError('This host runs no handlers. Subscribe in a process of your own.')
  session.subscriptions.checkName(name)
  await handlers.register({
    van: session.van.name,
    name,
    module,
    export: exported,
    request: { ...request, principal: session.access?.principal.name },
    isolation,
    callerIsLocalUser: session.isLocalUser,
    callerIsHandler: isOfWorkers(session.pid),
  })
  await actors?.here.unsubscribe(session.van.name, name)
  await session.van.reach.ask(UNREGISTER, { name })
  return true
}
