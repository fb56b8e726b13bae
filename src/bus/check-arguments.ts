import { InvalidOptionError } from '../errors.js'
import { atLeast, checkSignal, knownOptions, oneOf } from '../message/check-option.js'
import { isUtf8 } from '../message/well-formed.js'
import type { CloseOptions } from './contract/broker.js'
import type { ObserveOptions, ReadyOptions } from './contract/bus.js'
import type { TopicOptions } from './contract/options.js'

/** @throws InvalidOptionError */
export function checkReady(options: ReadyOptions): ReadyOptions {
  knownOptions('ready()', options, ['timeout', 'signal'])
  const { timeout } = options
  checkSignal('ready()', options.signal)
  return timeout === undefined ? options : { ...options, timeout: atLeast('timeout', timeout, 0, Infinity) }
}

/** @throws InvalidOptionError */
export function checkClose(options: CloseOptions): void {
  knownOptions('close()', options, ['drain', 'timeout', 'signal'])
  checkSignal('close()', options.signal)
  oneOf('drain', options.drain ?? true, [true, false])
  atLeast('timeout', options.timeout ?? 0, 0, Infinity)
}

/** @throws InvalidOptionError */
export function checkObserve(options: ObserveOptions): void {
  knownOptions('observe()', options, ['signal'])
  checkSignal('observe()', options.signal)
}

/** The name of an exposure. It becomes part of a subscription's name. */
export function checkExposedName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > 180 || !isUtf8(name))
    throw new InvalidOptionError(
      'The name of a remote observable is a non-empty string of at most 180 characters, without half a surrogate pair.',
    )
}

export function checkFactory(factory: unknown): void {
  if (typeof factory !== 'function')
    throw new InvalidOptionError(
      'expose() takes a function that makes an Observable for each observer: bus.expose(name, args => …).',
    )
}

/** Checks options that cross to the host, which runs the handler or the actor. */
export function checkCrossing({ delay, schema, signal }: TopicOptions, what: string): void {
  if (signal !== undefined) {
    throw new InvalidOptionError(
      `A signal cannot cross to the host that runs the ${what}: end it with bus.unsubscribe(name).`,
    )
  }
  if (typeof delay === 'function') {
    throw new InvalidOptionError(
      `A delay function cannot cross to the host that runs the ${what}: give \`delay\` in milliseconds.`,
    )
  }
  if (schema !== undefined) {
    throw new InvalidOptionError(
      `A schema cannot cross to the host that runs the ${what}: validate in the ${what} itself.`,
    )
  }
}
