import type { SubscriptionRequest } from '../bus/broker.js'
import { ClosedError, NameTakenError, OutboxFullError, OverflowError, UnsupportedError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import type { Subscription } from './subscription.js'

export function closedError(): ClosedError {
  return new ClosedError('This bus is closed. Make a new one with van().')
}

export function outboxFull(most: number): OutboxFullError {
  return new OutboxFullError(
    `${most} publishes wait already, as many as may. Await publish() so that you are slowed down.`,
  )
}

export function overflow({ key, pending }: Subscription): OverflowError {
  return new OverflowError(
    `Subscription ${key} has ${pending} messages waiting, its maxPending. Publish again later.`,
  )
}

export function nameTaken({ key, rules }: Subscription, request: SubscriptionRequest): NameTakenError {
  return new NameTakenError(
    `The name ${JSON.stringify(key)} has the pattern ${describePattern(rules.pattern)}; this asks for ${describePattern(request.pattern)}. ` +
      'Use another name, or unsubscribe this one first.',
  )
}

export function noStoreHere(): UnsupportedError {
  return new UnsupportedError(
    '`from` replays what a host with a store has kept: start that as `msgvan host --store DIR`, or leave `from` out.',
  )
}

export function noHandlersHere(): UnsupportedError {
  return new UnsupportedError(
    'An embedded bus has no host to run handlers in. Subscribe here, or use van() without `embedded`.',
  )
}
