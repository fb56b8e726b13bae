import {
  AuthError,
  describe,
  HostUnreachableError,
  StoreError,
  TimeoutError,
  UnsupportedError,
} from '../../errors.js'
import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { HostStatus } from '../../bus/contract/status.js'
import { encodeLetter } from '../../codec/payload.js'
import { traitsOf } from '../../wire/calls.js'
import { Fields } from '../../wire/frames/fields.js'
import { decodeBooks } from '../../wire/frames/consumer-books.js'
import { decodeVerdicts } from '../../wire/frames/kept-verdicts.js'
import { decodeRequest } from '../../wire/frames/subscription-request.js'
import { actorRequestOf } from '../actors/actor-request.js'
import type { ActorDirectory } from '../actors/cluster/actor-directory.js'
import { answerHost } from './answer-host.js'
import { inTime } from '../backbone/host-requests.js'
import { fieldsOf, noSuchCall } from './call-fields.js'
import type { Session } from '../session/session.js'
import { statusOfVan, type StatusPart } from '../van/status-of-van.js'
import { unregister, unregisterEverywhere, UNREGISTER, type HandlerService } from './unregister.js'
import type { Van } from '../van/vans.js'

export interface Services {
  readonly handlers: HandlerService | undefined
  readonly actors: ActorDirectory | undefined
  /** All that are there, this one first. */
  readonly hosts: () => HostStatus[]
  /** Calls to the host itself, such as `stop`: only from callers who proved to be this machine's user. */
  readonly control: ((method: string, args: unknown) => Promise<unknown>) | undefined
}

const HOST = 'host.'

/** So long `ready` waits for the host that keeps what has a name. */
const PLACED_MS = 10_000

/** What is told is on the disk, too, unless that takes so long. */
const DISK_MS = 1_000

/**
 * Answers one call of a client; where what is owed is kept, when what it changed is on the disk.
 * @throws StoreError if it could not be written
 */
export async function answer(
  session: Session,
  method: string,
  args: unknown,
  services: Services,
): Promise<unknown> {
  const { keeper } = session.van
  if (keeper === undefined) return result(session, method, args, services)
  if (method !== 'subscribe' && session.opened !== undefined) await session.opened
  const value = await result(session, method, args, services)
  const kept = keeper.kept()
  if (kept === undefined) return value
  if (traitsOf(method).isStored !== true) {
    await inTime(kept, DISK_MS, 'The disk').catch(() => undefined)
    return value
  }
  // It is tried again until it is written; only messages are refused.
  await kept.catch((error: unknown) => {
    // `ready` says so of subscriptions. Those without a name are promised nothing beyond their host's life.
    if (method !== 'subscribe' && (method !== 'ready' || session.hasNames)) throw notKept(error)
  })
  return value
}

function notKept(cause: unknown): StoreError {
  return new StoreError(
    `It is in force, and could not be written into the store (${describe(cause)}): a host that dies now does not know of it any more. The host tries again until it can.`,
    { cause },
  )
}

/** Everything in a call is checked here. */
async function result(session: Session, method: string, args: unknown, services: Services): Promise<unknown> {
  const { van, guest } = session
  const { reach } = van
  const everywhere = () =>
    Promise.all([answerHere(van, method, args, services), reach.ask(method, args, guest)]).then(
      ([own, others]) => [own, ...others],
    )
  switch (method) {
    case 'ready':
      van.writeNames()
      await allInForce(session)
      return true
    case 'subscribe':
      return subscribe(session, fieldsOf(args))
    case 'books':
      session.booksCame(decodeBooks(fieldsOf(args)))
      return true
    case 'away': {
      const fields = fieldsOf(args)
      session.away(fields.whole('subscription', 1), fields.flag('isAway'))
      return true
    }
    case 'unsubscribe':
      return unsubscribe(session, fieldsOf(args).text('name', 200), services)
    case 'status': {
      const [own, ...others] = (await everywhere()) as [StatusPart, ...StatusPart[]]
      const log = reach.names === undefined ? own : others.find(({ status: { log } }) => log !== undefined)
      const whole = statusOfVan(own, others, services.hosts(), log?.status.log)
      return guest === undefined ? whole : ({ status: whole, handlers: {} } satisfies StatusPart)
    }
    case 'hosts':
      return services.hosts()
    case 'deadLetters.page':
      // One host at a time, so that an answer stays small. One that is gone has no letters.
      return (await everywhere()).find(page => page !== undefined) ?? { letters: [] }
    case 'deadLetters.replay':
    case 'deadLetters.purge':
      return (await everywhere()).reduce<number>((sum, count) => sum + Number(count), 0)
    case 'handlers.register':
      return registerHandler(session, fieldsOf(args), services)
    case 'actors.create':
      return actorsIn(services).create(van.name, actorRequestOf(fieldsOf(args)), session)
    case 'actors.find':
      return actorsIn(services).find(van.name, fieldsOf(args).text('name', 200))
    case 'actors.subscribe': {
      const fields = fieldsOf(args)
      const request = decodeRequest(fields.get('request'))
      await actorsIn(services).subscribe(van.name, fields.text('name', 200), fields.text('id', 100), request)
      return true
    }
    case 'actors.stop':
      return actorsIn(services).stop(van.name, fieldsOf(args).text('id', 100))
    case UNREGISTER:
      if (guest === undefined) throw noSuchCall(method)
      return (await everywhere()).includes(true)
    default:
      if (method.startsWith('backbone.')) return answerHost(session, method, args)
      return control(session, method, args, services)
  }
}

async function subscribe(session: Session, fields: Fields): Promise<true> {
  const [subscription, request] = [fields.whole('subscription', 1), decodeRequest(fields.get('request'))]
  // Verdicts come first: they spare the client messages that it has settled.
  if (fields.has('settled'))
    session.settledBefore(subscription, request, decodeVerdicts(fields.get('settled')))
  await session.open(subscription, request)
  if (fields.optional('endsWithHost', key => fields.flag(key)) === true) session.endsWithHost(subscription)
  return true
}

async function unsubscribe(session: Session, name: string, services: Services): Promise<boolean> {
  const serving = { ...services, actors: services.actors?.here }
  const wasServed = await unregisterEverywhere(session, name, serving)
  const wasThere = await session.van.unsubscribe(name)
  return wasThere || wasServed
}

/** @throws StoreError, HostUnreachableError: something is not in force, or not kept, where it is to be kept */
async function allInForce(session: Session): Promise<void> {
  const { van, guest } = session
  const { placed } = session
  // It may fail while the leader is asked.
  placed?.catch(() => undefined)
  await van.reach.ready(guest)?.catch((error: unknown) => {
    if (!(error instanceof StoreError) || session.hasNames) throw error
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

/** For this host alone, whoever asks: a client by way of `answer`, or another host. */
export async function answerHere(
  { broker, name: van, keeper }: Pick<Van, 'broker' | 'name' | 'keeper'>,
  method: string,
  args: unknown,
  { handlers, actors }: Pick<Services, 'handlers' | 'actors'>,
): Promise<unknown> {
  switch (method) {
    case 'status': {
      const status = await broker.control.status()
      const { missing = [] } = keeper ?? {}
      return {
        status: {
          ...status,
          actors: actors?.here.status(van, status.host.id) ?? [],
          ...(missing.length === 0 ? {} : { missing }),
        },
        handlers: handlers?.all(van) ?? {},
      } satisfies StatusPart
    }
    case 'deadLetters.page':
      return letterPage(broker, args)
    case 'deadLetters.replay':
      return broker.control.deadLetters().replay(filterOf(args))
    case 'deadLetters.purge':
      return broker.control.deadLetters().purge(filterOf(args))
    case UNREGISTER:
      return unregister(van, fieldsOf(args).text('name', 200), { handlers, actors: actors?.here })
    default:
      throw noSuchCall(method)
  }
}

/** Of this host, if it is this host's turn. */
async function letterPage(broker: Van['broker'], args: unknown): Promise<unknown> {
  const fields = fieldsOf(args)
  const [own] = await broker.control.hosts()
  if (own?.id !== fields.text('host', 100)) return undefined
  const withPayloads = fields.flag('payloads')
  const { letters, next } = broker.letterPage(filterOf(args), fields.whole('after'), withPayloads)
  return {
    letters: letters.map(({ letter, envelope }) =>
      withPayloads ? encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding) : letter,
    ),
    ...(next === undefined ? {} : { next }),
  }
}

async function registerHandler(
  session: Session,
  fields: Fields,
  { handlers, actors }: Services,
): Promise<true> {
  if (handlers === undefined)
    throw new UnsupportedError('This host runs no handlers. Subscribe in a process of your own.')
  const name = fields.text('name', 200)
  await handlers.register({
    van: session.van.name,
    name,
    module: fields.text('module', 10_000),
    export: fields.text('export', 1_000),
    request: decodeRequest(fields.get('request')),
    callerIsLocalUser: session.isLocalUser,
    callerIsHandler: session.pid === process.pid,
  })
  await actors?.here.unsubscribe(session.van.name, name)
  await session.van.reach.ask(UNREGISTER, { name })
  return true
}

function actorsIn({ actors }: Services): ActorDirectory {
  if (actors === undefined) throw new UnsupportedError('This host runs no actors.')
  return actors
}

async function control(
  session: Session,
  method: string,
  args: unknown,
  services: Services,
): Promise<unknown> {
  if (!method.startsWith(HOST) || services.control === undefined) {
    throw noSuchCall(method)
  }
  if (!session.isLocalUser) {
    throw new AuthError(
      'Only the user that a host runs for may do that, on its own machine: a token does not do.',
    )
  }
  return services.control(method.slice(HOST.length), args)
}

function filterOf(args: unknown): DeadLetterFilter {
  const fields = fieldsOf(args)
  const subscription = fields.optional('subscription', key => fields.text(key))
  const id = fields.optional('id', key => fields.text(key))
  return { ...(subscription === undefined ? {} : { subscription }), ...(id === undefined ? {} : { id }) }
}
