import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { shownRule } from '../bus/contract/rules.js'
import type { Rule } from '../bus/contract/subscription-request.js'
import {
  ClosedError,
  NameTakenError,
  OutboxFullError,
  OverflowError,
  SlowSubscriptionError,
  UnsupportedError,
} from '../errors.js'
import { describePattern } from '../message/pattern.js'

/** The part of a subscription that its errors show. */
interface Described {
  readonly key: string
  readonly rules: SubscriptionRequest
  readonly pending: number
  readonly held: number
  readonly heldBytes: number
}

export function closedError(): ClosedError {
  return new ClosedError('This bus is closed. Make a new one with van().')
}

export function outboxFull(most: number): OutboxFullError {
  return new OutboxFullError(
    `${most} publishes wait already, which is the limit. Await publish(): then it slows you down.`,
  )
}

export function overflow({ key, pending, rules }: Described): OverflowError {
  const limit = pending >= rules.maxPending ? 'maxPending' : 'maxPendingBytes'
  return new OverflowError(
    `Subscription ${key} has ${pending} messages waiting, its ${limit}. Publish again later.`,
  )
}

export function heldFull({ key, held, heldBytes }: Described): OutboxFullError {
  return new OutboxFullError(
    `Subscription ${key} is full, and ${held} publishes (${heldBytes} bytes) wait for it already, which is the limit. ` +
      'Await publish(): then it slows you down.',
  )
}

export function memoryFull(): OutboxFullError {
  return new OutboxFullError(
    'Too many messages wait in this van or in its host (--van-memory, --host-memory). Await publish(): then it slows you down.',
  )
}

/** For publishers that wait for a subscription without a consumer. */
export function slow({ key, pending, rules }: Described): SlowSubscriptionError {
  return new SlowSubscriptionError(
    `The subscription ${JSON.stringify(key)} (${describePattern(rules.pattern)}) is full with ${pending} messages and has no consumer: ` +
      'your publishes wait until one comes. Start its consumer, unsubscribe it by name, or give it another `overflow`.',
  )
}

export function nameTaken({ key, rules }: Described, request: SubscriptionRequest): NameTakenError {
  return new NameTakenError(
    `The name ${JSON.stringify(key)} has the pattern ${describePattern(rules.pattern)}; you ask for ${describePattern(request.pattern)}. ` +
      'Use another name, or unsubscribe this one first.',
  )
}

/** @param differing at least one */
export function rulesDiffer(
  { key, rules }: Described,
  request: SubscriptionRequest,
  differing: readonly Rule[],
): NameTakenError {
  const list = (of: SubscriptionRequest): string => differing.map(rule => shownRule(of, rule)).join(', ')
  return new NameTakenError(
    `The name ${JSON.stringify(key)} has ${list(rules)}, and others are attached; you ask for ${list(request)}. ` +
      'Leave that out to take the present rules, change them for all with `replace: true`, or use another name.',
  )
}

export function noStoreHere(): UnsupportedError {
  return new UnsupportedError(
    '`from` replays the log of a host with a store: start that host as `msgvan host --store DIR`, or leave `from` out.',
  )
}

export function noHandlersHere(): UnsupportedError {
  return new UnsupportedError(
    'An embedded bus has no host to run handlers in. Subscribe here, or use van() without `embedded`.',
  )
}
