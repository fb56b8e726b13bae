import { expect } from 'chai'
import type { Observable, Observer, Subscription } from 'rxjs'
import type { Bus, Message, MsgvanError, SubscriptionStatus, TopicOptions } from '../../src/index.js'
import { eventually } from './eventually.js'

/** Everything that an Observable sent, to be waited for. */
export class Collected<T> implements Observer<T> {
  readonly values: T[] = []
  readonly errors: unknown[] = []
  completed = false
  subscription: Subscription | undefined

  readonly next = (value: T): void => void this.values.push(value)
  readonly error = (error: unknown): void => void this.errors.push(error)
  readonly complete = (): void => {
    this.completed = true
  }

  /** The first `count` values, once they are there. */
  async first(count: number): Promise<T[]> {
    await eventually(() => {
      if (this.values.length < count) throw new Error(`only ${this.values.length} of ${count} came`)
    })
    return this.values.slice(0, count)
  }

  async completion(): Promise<void> {
    await eventually(() => {
      if (!this.completed) throw new Error('it did not complete')
    })
  }

  async failure(): Promise<unknown> {
    return eventually(() => {
      if (this.errors.length === 0) throw new Error('no error came')
      return this.errors[0]
    })
  }

  unsubscribe(): void {
    this.subscription?.unsubscribe()
  }
}

export function collect<T>(source: Observable<T>): Collected<T> {
  const collected = new Collected<T>()
  collected.subscription = source.subscribe(collected)
  return collected
}

export const payloads = (messages: readonly Message[]): unknown[] => messages.map(message => message.payload)
export const topics = (messages: readonly Message[]): string[] => messages.map(message => message.topic)

/** Publishes them in order and waits until all were accepted. */
export async function publishAll(bus: Bus, topic: string, values: readonly unknown[]): Promise<void> {
  await Promise.all(values.map(value => bus.publish(topic, value)))
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)

/** What `status()` says of one subscription, by its name or, for an unnamed one, its pattern. */
export async function statusOf(bus: Bus, nameOrPattern: string): Promise<SubscriptionStatus> {
  const { subscriptions } = await bus.status()
  const found = subscriptions.find(each => each.name === nameOrPattern || each.pattern === nameOrPattern)
  if (found === undefined)
    throw new Error(`no subscription ${nameOrPattern} in ${JSON.stringify(subscriptions)}`)
  return found
}

/** Waits until `status()` says so of the subscription. */
export async function untilStatus(
  bus: Bus,
  nameOrPattern: string,
  expected: Partial<SubscriptionStatus>,
): Promise<void> {
  await eventually(async () => {
    const status = await statusOf(bus, nameOrPattern)
    expect(status).to.include(expected)
  })
}

/** Registers a name without staying: from now on its messages wait. */
export async function register(
  bus: Bus,
  name: string,
  pattern: RegExp | string,
  options: TopicOptions = {},
): Promise<void> {
  const first = bus.topic(pattern, { ...options, name }).subscribe()
  await bus.ready()
  first.unsubscribe()
  await untilStatus(bus, name, { consumers: 0 })
}

/** What this bus could tell no caller. */
export const reports = (bus: Bus): Collected<MsgvanError> => collect(bus.errors$)

/** The error that a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it resolved')
}

/** What a call throws. */
export function thrown(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  throw new Error('it returned')
}
