import { oneOf } from '../message/check-option.js'
import { ACTOR_ATTEMPTS, addressOf } from './actors/create-actors.js'
import { checkCrossing } from './check-arguments.js'
import type { ActorAddress } from './contract/actor-ref.js'
import type { Isolation } from './contract/actors.js'
import { checkModuleRef, type ModuleRef } from './contract/module-ref.js'
import { toRequest, type HandlerOptions, type TopicOptions } from './contract/options.js'
import type { SubscriptionRequest } from './contract/subscription-request.js'

/** @throws InvalidOptionError */
export function checkHandler(
  name: string,
  handler: ModuleRef,
  pattern: RegExp | string,
  options: HandlerOptions,
): { readonly request: SubscriptionRequest; readonly isolation: Isolation } {
  checkModuleRef(handler)
  const request = { ...toRequest(pattern, options, 'subscribeHandler()', ['isolation']), name }
  const { isolation = 'thread' } = options
  oneOf('isolation', isolation, ['thread', 'process'])
  checkCrossing(options, 'handler')
  return { request, isolation }
}

/** @throws InvalidOptionError */
export function checkActor(
  name: string,
  actor: ActorAddress | string,
  pattern: RegExp | string,
  options: TopicOptions,
): { readonly id: string; readonly request: SubscriptionRequest } {
  const { id } = addressOf(actor)
  const rules = toRequest(pattern, options, 'subscribeActor()')
  checkCrossing(options, 'actor')
  return { id, request: { ...rules, attempts: options.attempts ?? ACTOR_ATTEMPTS, name } }
}
