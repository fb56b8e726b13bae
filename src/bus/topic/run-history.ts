import type { Broker } from '../contract/broker.js'
import type { SubscriptionRequest } from '../contract/subscription-request.js'
import type { TopicSource } from './topic-source.js'

/** The topics, vans and names to which one pipeline has subscribed. Most pipelines have one of each. */
export class RunHistory {
  #first: TopicSource | undefined
  #others: WeakSet<TopicSource> | undefined
  #van: Broker | undefined
  #vans: WeakSet<Broker> | undefined
  /** Topics with a name. */
  #joined: WeakSet<TopicSource> | undefined
  #endedNames: Set<string> | undefined

  get first(): TopicSource | undefined {
    return this.#first
  }

  add(source: TopicSource): void {
    if (this.#first === undefined) this.#first = source
    else if (this.#first !== source) (this.#others ??= new WeakSet()).add(source)
  }

  has(source: TopicSource): boolean {
    return this.#first === source || this.#others?.has(source) === true
  }

  /** @returns whether the pipeline subscribed to this van before */
  comesBackTo(van: Broker): boolean {
    if (this.#van === van || this.#vans?.has(van) === true) return true
    if (this.#van === undefined) this.#van = van
    else (this.#vans ??= new WeakSet()).add(van)
    return false
  }

  /** A pipeline that comes back to a name accepts its present rules: others may have changed them meanwhile. */
  requestOf(source: TopicSource): SubscriptionRequest {
    const { request, isNamed } = source
    if (!isNamed) return request
    this.#joined ??= new WeakSet()
    if (this.#joined.has(source)) return { ...request, joins: 'keep' }
    this.#joined.add(source)
    return request
  }

  /** The van ended the subscription of this name. */
  endName(name: string): void {
    ;(this.#endedNames ??= new Set()).add(name)
  }

  /** The van ended the subscription of its name, or its signal has aborted. */
  hasEnded({ request: { name }, signal }: TopicSource): boolean {
    if (signal?.aborted === true) return true
    return name !== undefined && this.#endedNames?.has(name) === true
  }
}
