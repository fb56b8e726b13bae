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

/** What an error says of a subscription. */
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
    `${most} publishes wait already, as many as may. Await publish() so that you are slowed down.`,
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
    `Subscription ${key} is full, and ${held} publishes (${heldBytes} bytes) wait for it already, as many as may. ` +
      'Await publish() so that you are slowed down.',
  )
}

/** Said to publishers that wait for one that has no consumer. */
export function slow({ key, pending, rules }: Described): SlowSubscriptionError {
  return new SlowSubscriptionError(
    `The subscription ${JSON.stringify(key)} (${describePattern(rules.pattern)}) is full with ${pending} messages and has no consumer: ` +
      'what you publish there waits until one comes. Start its consumer, unsubscribe it by name, or give it another `overflow`.',
  )
}

export function nameTaken({ key, rules }: Described, request: SubscriptionRequest): NameTakenError {
  return new NameTakenError(
    `The name ${JSON.stringify(key)} has the pattern ${describePattern(rules.pattern)}; this asks for ${describePattern(request.pattern)}. ` +
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
    `The name ${JSON.stringify(key)} has ${list(rules)}, and others are attached; this asks for ${list(request)}. ` +
      'Leave that out to take what is there, change it for all with `replace: true`, or use another name.',
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
