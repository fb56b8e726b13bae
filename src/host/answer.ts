import { AuthError, InvalidOptionError, UnsupportedError } from '../errors.js'
import type { DeadLetterFilter } from '../bus/dead-letters.js'
import type { HandlerStatus, VanStatus } from '../bus/status.js'
import { encodeLetter } from '../message/payload.js'
import { Fields } from '../wire/fields.js'
import { decodeRequest } from '../wire/subscription-request.js'
import type { Actors } from './actors.js'
import { createActor } from './create-actor.js'
import type { HandlerRequest } from './handlers.js'
import type { Session } from './session.js'

/** What runs handlers in this host. */
export interface HandlerService {
  /** @throws HandlerModuleError, InvalidPatternError */
  register(wanted: HandlerRequest): Promise<void>
  /** False when there was none. */
  unregister(van: string, name: string): Promise<boolean>
  status(van: string, name: string): HandlerStatus | undefined
}

export interface Services {
  readonly handlers: HandlerService | undefined
  readonly actors: Actors | undefined
  /** Calls to the host itself, such as `stop`: only from callers who proved to be this machine's user. */
  readonly control: ((method: string, args: unknown) => Promise<unknown>) | undefined
}

const HOST = 'host.'

/** Answers one call of a client; where what is owed is kept, when what it changed is on the disk. */
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
  // What could not be written is tried again until it can; only messages are refused.
  await keeper.kept()?.catch(() => undefined)
  return value
}

/** Everything in a call is checked here. */
async function result(session: Session, method: string, args: unknown, services: Services): Promise<unknown> {
  const { broker, name: van } = session.van
  switch (method) {
    case 'ready':
      return true
    case 'subscribe': {
      const fields = fieldsOf(args)
      await session.open(fields.whole('subscription', 1), decodeRequest(fields.get('request')))
      return true
    }
    case 'unsubscribe': {
      const name = fieldsOf(args).text('name', 200)
      const hadHandler = (await services.handlers?.unregister(van, name)) ?? false
      services.actors?.unsubscribe(van, name)
      const wasThere = await broker.unsubscribe(name)
      return hadHandler || wasThere
    }
    case 'status': {
      const status = withHandlers(await broker.status(), services.handlers)
      return { ...status, actors: services.actors?.status(van, status.host.id) ?? [] }
    }
    case 'deadLetters.list':
      return broker
        .keptLetters(filterOf(args))
        .map(({ letter, envelope }) => encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding))
    case 'deadLetters.replay':
      return broker.deadLetters().replay(filterOf(args))
    case 'deadLetters.purge':
      return broker.deadLetters().purge(filterOf(args))
    case 'handlers.register':
      return registerHandler(session, fieldsOf(args), services)
    case 'actors.create':
      return createActor(session, fieldsOf(args), actorsIn(services))
    case 'actors.find':
      return actorsIn(services).find(van, fieldsOf(args).text('name', 200))
    case 'actors.subscribe':
      return subscribeActor(session, fieldsOf(args), services)
    case 'actors.stop':
      return actorsIn(services).stop(van, fieldsOf(args).text('id', 100))
    default:
      return control(session, method, args, services)
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
  actors?.unsubscribe(session.van.name, name)
  return true
}

async function subscribeActor(session: Session, fields: Fields, services: Services): Promise<true> {
  const { name: van } = session.van
  const name = fields.text('name', 200)
  const request = decodeRequest(fields.get('request'))
  actorsIn(services).subscribe(van, name, fields.text('id', 100), request)
  await services.handlers?.unregister(van, name)
  return true
}

function actorsIn({ actors }: Services): Actors {
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
    throw new UnsupportedError(
      `This host has no call ${JSON.stringify(method.slice(0, 100))}. It may be older than you: run \`msgvan restart\`.`,
    )
  }
  if (!session.isLocalUser) {
    throw new AuthError(
      'Only the user that a host runs for may do that, on its own machine: a token does not do.',
    )
  }
  return services.control(method.slice(HOST.length), args)
}

function withHandlers(status: VanStatus, handlers: HandlerService | undefined): VanStatus {
  const subscriptions = status.subscriptions.map(subscription => {
    const handler =
      subscription.name === undefined ? undefined : handlers?.status(status.van, subscription.name)
    return handler === undefined ? subscription : { ...subscription, handler }
  })
  return { ...status, subscriptions }
}

function filterOf(args: unknown): DeadLetterFilter {
  const fields = fieldsOf(args)
  const subscription = fields.optional('subscription', key => fields.text(key))
  const id = fields.optional('id', key => fields.text(key))
  return { ...(subscription === undefined ? {} : { subscription }), ...(id === undefined ? {} : { id }) }
}

function fieldsOf(args: unknown): Fields {
  return new Fields(args, what => new InvalidOptionError(`A call's arguments: this ${what}.`))
}
