import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import { HandlerModuleError } from '../../errors.js'
import { describePattern } from '../../message/pattern.js'
import { EXPOSED, isExposure, isMailTopic, isRequest, isSystemTopic, REPLIES } from '../../message/topic.js'
import type { CallName, GotArgs } from '../../wire/calls/calls.js'
import type { LetterPage } from '../../wire/calls/dead-letter-calls.js'
import { ModuleRoots } from '../handlers/module-roots.js'
import type { RootRight } from './definition.js'
import { seesLetter } from './delivery-rights.js'
import type { Principal } from './principal.js'

/** The facts that a check needs beside the principal. */
export interface CallPlace {
  /** Whether another principal is at that address. */
  isTaken(address: string, principal: string): boolean
  /** Of an actor's worker: its own mailbox. */
  readonly mailbox?: string | undefined
}

type Check<N extends CallName> = (
  principal: Principal,
  args: GotArgs<N>,
  place: CallPlace,
) => void | Promise<void>

/** Calls that need no right of their own: an earlier check covers them, or they show only what the principal may see. */
const free = (): void => undefined

type Checked = Exclude<CallName, `host.${string}` | `backbone.${string}`>

/**
 * For each call, the rights that a principal needs. Calls of another host need `join`; those to the host itself, but `stop`, are for its
 * own user alone.
 */
const CHECKS: { readonly [N in Checked]: Check<N> } = {
  ready: free,
  books: free,
  away: free,
  status: free,
  publish: (principal, { topic }) => {
    const denied = principal.publishRefusal(topic)
    if (denied !== undefined) throw denied
  },
  // Its answer checks the right to the topic, which the id alone does not show.
  cancel: free,
  subscribe: (principal, { request }, place) => checkSubscribe(principal, request, place),
  unsubscribe: (principal, { name }) => checkName(principal, name),
  pause: (principal, { name }) => checkName(principal, name),
  hosts: principal => {
    // Dead letters are asked for host by host.
    if (principal.lacks('deadLetters')) principal.mustHave('admin', 'the hosts')
  },
  'deadLetters.page': principal => {
    if (principal.lacks('deadLetters')) throw principal.deny('deadLetters', 'the dead letters')
  },
  'deadLetters.replay': (principal, filter) => checkLetters(principal, filter),
  'deadLetters.purge': (principal, filter) => checkLetters(principal, filter),
  'states.get': (principal, { topic }) => {
    if (isSystemTopic(topic) || !principal.sees(topic))
      throw principal.deny('subscribe', `the state ${JSON.stringify(topic)}`)
  },
  'states.change': (principal, { topic }) => {
    const refusal = principal.publishRefusal(topic)
    if (refusal !== undefined) throw refusal
  },
  'states.keys': free,
  'handlers.register': async (principal, { name, module, request }, place) => {
    principal.mustHave('handlers', `the handler ${JSON.stringify(name)}`)
    checkSubscribe(principal, { ...request, name }, place)
    await mayLoad(principal, 'handlers', module)
  },
  'actors.create': (principal, request) => checkActor(principal, request),
  'actors.find': principal => principal.mustHave('actors', 'actors'),
  'actors.stop': principal => principal.mustHave('actors', 'actors'),
  'actors.subscribe': (principal, { name, request }, place) => {
    principal.mustHave('actors', 'actors')
    checkSubscribe(principal, { ...request, name }, place)
  },
}

/** @throws ForbiddenError */
export function checkCall<N extends Checked>(
  name: N,
  principal: Principal,
  args: GotArgs<N>,
  place: CallPlace,
): void | Promise<void> {
  return CHECKS[name](principal, args, place)
}

/** @throws ForbiddenError */
function checkSubscribe(
  principal: Principal,
  { pattern, name }: Pick<SubscriptionRequest, 'pattern' | 'name'>,
  place: CallPlace,
): void {
  if (name !== undefined && name === place.mailbox && pattern === name) return
  if (name !== undefined && isExposure(name) && pattern === name)
    return principal.mustAllow('expose', name.slice(EXPOSED.length), 'the remote observable')
  if (name !== undefined) checkName(principal, name)
  if (typeof pattern === 'string') return checkTopic(principal, pattern, name, place)
  // It may be wider than the right: forbidden messages do not come.
  if (principal.lacks('subscribe') && principal.lacks('deadLetters') && !principal.has('admin'))
    throw principal.deny('subscribe', `the pattern ${describePattern(pattern)}`)
}

function checkTopic(principal: Principal, topic: string, name: string | undefined, place: CallPlace): void {
  const isAddress = topic.startsWith(REPLIES) && name === undefined
  if (isAddress && !place.isTaken(topic, principal.name)) return
  if ((isMailTopic(topic) && !isRequest(topic)) || !principal.sees(topic))
    throw principal.deny(rightTo(topic), `the topic ${JSON.stringify(topic)}`)
}

function rightTo(topic: string): 'deadLetters' | 'admin' | 'subscribe' {
  if (topic.startsWith('$dead/')) return 'deadLetters'
  return topic === '$hosts' ? 'admin' : 'subscribe'
}

/** Names of the system are for the system. */
function checkName(principal: Principal, name: string): void {
  if (isSystemTopic(name)) throw principal.deny('names', `the subscription ${JSON.stringify(name)}`)
  principal.mustAllow('names', name, 'the subscription')
}

/** One subscription at a time: the call must not touch letters of others. */
function checkLetters(principal: Principal, { subscription }: DeadLetterFilter): void {
  if (subscription === undefined)
    throw principal.deny('deadLetters', 'the dead letters of all subscriptions: name one')
  principal.mustAllow('deadLetters', subscription, 'the subscription')
}

async function checkActor(principal: Principal, { module }: ActorRequest): Promise<void> {
  principal.mustHave('actors', `an actor of ${module}`)
  await mayLoad(principal, 'actors', module)
}

/** @throws ForbiddenError if the right does not reach that module */
export async function mayLoad(principal: Principal, right: RootRight, module: string): Promise<void> {
  try {
    await new ModuleRoots(principal.roots(right) ?? []).resolve(module, false)
  } catch (error) {
    if (!(error instanceof HandlerModuleError)) throw error
    throw principal.deny(right, `the module ${module}`)
  }
}

/** The part of a status that a principal may see: without `admin`, its own names and, with `actors`, the actors. */
export function visibleStatus(status: VanStatus, principal: Principal): VanStatus {
  if (principal.has('admin')) return status
  const { van, host, subscriptions, actors, counters } = status
  return {
    van,
    host: outline(host),
    hosts: [],
    subscriptions: subscriptions.filter(({ name }) => name !== undefined && principal.allows('names', name)),
    actors: principal.roots('actors') === undefined ? [] : actors,
    counters,
  }
}

export function visibleHosts(hosts: HostStatus[], principal: Principal): HostStatus[] {
  return principal.has('admin') ? hosts : hosts.map(outline)
}

/** Letters of subscriptions that it may look into, with topics that it may see. */
export function visibleLetters(page: LetterPage, principal: Principal): LetterPage {
  return { ...page, letters: page.letters.filter(letter => seesLetter(principal, letter)) }
}

function outline(host: HostStatus): HostStatus {
  return { ...host, pid: 0, address: '', capabilities: {} }
}
