import type { Observable } from 'rxjs'
import { encodePayload } from '../../codec/payload.js'
import { refusedWith } from '../caught.js'
import { abortable } from '../ending/abortable.js'
import { InvalidOptionError } from '../../errors.js'
import { MAILBOX } from '../../message/topic.js'
import { ActorRef, type ActorAddress, type ActorMail, type AskOptions } from '../contract/actor-ref.js'
import type { ActorBroker, ActorOptions, ActorRequest, Actors } from '../contract/actors.js'
import { checkModuleRef, moduleText, type ModuleRef } from '../contract/module-ref.js'
import { checkName } from '../contract/options.js'
import { isUtf8 } from '../../message/well-formed.js'
import {
  atLeast,
  checkSignal,
  isRecord,
  knownOptions,
  oneOf,
  whole,
  wholeNames,
} from '../../message/check-option.js'
import type { ActorRequests } from './actor-requests.js'
import type { Send } from './reply-inbox.js'

export interface ActorsOptions {
  readonly broker: ActorBroker
  readonly post: Send
  /** Created at the first question. */
  readonly requests: () => ActorRequests
  /** Reports a throw at the end of the answers. */
  readonly guarded: <A>(answers$: Observable<A>) => Observable<A>
  /** The actor that creates others; they become its children. */
  readonly parent?: string | undefined
}

/** Total tries of a message on which an actor throws. */
export const ACTOR_ATTEMPTS = 2

/** Milliseconds that an actor may take for its set-up. */
export const SETUP_MS = 10_000
export const MAX_SETUP_MS = 86_400_000

const DEFAULT_TIMEOUT = 30_000

/** The actors of a van, for a bus or for an actor. */
export function createActors({ broker, post, requests, guarded, parent }: ActorsOptions): Actors {
  const mail: ActorMail = {
    tell: (id, payload, options) => {
      try {
        knownOptions('tell()', options, ['headers'], ['headers'])
      } catch (error) {
        return refusedWith(error as Error, undefined)
      }
      return post(MAILBOX + id, payload, options.headers ?? {})
    },
    ask: (id, payload, options) => {
      knownOptions('ask()', options, ['timeout', 'headers', 'signal'], ['headers'])
      checkSignal('ask()', options.signal)
      const { timeout = DEFAULT_TIMEOUT, headers }: AskOptions = options
      atLeast('ask: timeout', timeout, 1, Number.MAX_SAFE_INTEGER)
      const question = { topic: MAILBOX + id, payload, headers, timeout, target: `Actor ${id}` }
      return guarded(abortable(requests().ask(question), options.signal))
    },
    stop: id => broker.stop(id),
  }
  const refTo = (address: ActorAddress): ActorRef => new ActorRef(address, mail)
  return {
    create: async (actor, options = {}) => refTo(await broker.create(toActorRequest(actor, options, parent))),
    find: async name => {
      checkName(name, 'An actor')
      const address = await broker.find(name)
      return address === undefined ? undefined : refTo(address)
    },
    ref: actor => refTo(addressOf(actor)),
    // Not an async function: a wrong argument throws at once, as with `ref`.
    stop: actor => broker.stop(addressOf(actor).id),
  }
}

/** @throws InvalidOptionError */
export function addressOf(actor: unknown): ActorAddress {
  if (typeof actor === 'string' && isId(actor)) return { id: actor }
  if (typeof actor === 'object' && actor !== null && 'id' in actor && isId(actor.id)) {
    const name = 'name' in actor && typeof actor.name === 'string' ? { name: actor.name } : {}
    return { id: actor.id, ...name }
  }
  throw new InvalidOptionError(
    'This is not an actor. Give an ActorRef, the address that came in a payload, or an id.',
  )
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.length <= 100 && isUtf8(id)
}

/** @throws InvalidOptionError */
function toActorRequest(actor: ModuleRef, options: ActorOptions, parent: string | undefined): ActorRequest {
  checkModuleRef(actor, 'An actor')
  const known = ['name', 'args', 'instances', 'requires', 'isolation', 'attempts', 'setupTimeout']
  knownOptions('actors.create()', options, known, ['args'])
  const { name, args, requires = {}, isolation = 'thread' } = options
  if (name !== undefined) checkName(name, 'An actor')
  if (!isRecord(requires))
    throw new InvalidOptionError(
      'requires is an object of values here: a function cannot cross to a host. Put it into the class, as `static requires`.',
    )
  wholeNames('requires', requires)
  oneOf('isolation', isolation, ['thread', 'process'])
  return {
    module: moduleText(actor),
    export: actor.export ?? 'default',
    name,
    encodedArgs: args === undefined ? undefined : encodePayload(args),
    instances: whole('instances', options.instances ?? 1, 1, 1_000),
    requires,
    isolation,
    attempts: whole('attempts', options.attempts ?? ACTOR_ATTEMPTS, 1, 1_000_000),
    setupTimeout: whole('setupTimeout', options.setupTimeout ?? SETUP_MS, 1, MAX_SETUP_MS),
    parent,
  }
}
