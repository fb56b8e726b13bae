import { newsBody, type WrapNews } from './wrap-news.js'
import { stateTopic } from '../../bus/contract/control.js'
import type { StateBroker, StateChange, StateEntry, StateOutcome } from '../../bus/contract/control.js'
import { noHeaders } from '../../message/envelope.js'
import type { Matcher } from '../../message/pattern.js'
import type { Lifetime } from '../lifecycle/lifetime.js'
import { closedError } from '../refusals.js'
import type { SystemTopics } from '../routing/system-topics.js'
import type { KeptState, StateKeeper } from './kept-state.js'
import { StateTable } from './state-table.js'

export interface StatesOptions {
  readonly system: SystemTopics
  readonly lifetime: Pick<Lifetime, 'isClosed'>
  readonly compile: (pattern: RegExp) => Matcher
  readonly keeper: StateKeeper | undefined
  /** Default: for one process. */
  readonly wrapNews: WrapNews | undefined
}

/** The states of a van: changes them one after another, and publishes each change on `$state/<topic>`. */
export class States implements StateBroker {
  readonly #options: StatesOptions
  readonly #table: StateTable

  constructor(options: StatesOptions) {
    this.#options = options
    const { keeper } = options
    this.#table = new StateTable({
      changed: state => {
        keeper?.stateKept(state)
        this.#announce(state)
      },
      forgotten: topic => keeper?.stateGone(topic),
    })
  }

  get size(): number {
    return this.#table.size
  }

  get(topic: string): Promise<StateEntry> {
    return this.#answer(() => this.#table.get(topic))
  }

  change(change: StateChange): Promise<StateOutcome> {
    return this.#answer(() => this.#table.change(change))
  }

  keys(pattern: RegExp | string): Promise<string[]> {
    return this.#answer(() => {
      if (typeof pattern === 'string') return this.#table.keys(topic => topic === pattern)
      const matcher = this.#options.compile(pattern)
      return this.#table.keys(topic => matcher.test(topic))
    })
  }

  /** A throw rejects. */
  #answer<R>(run: () => R): Promise<R> {
    return new Promise(resolve => {
      if (this.#options.lifetime.isClosed) throw closedError()
      resolve(run())
    })
  }

  restore(states: Iterable<KeptState>): void {
    for (const state of states) this.#table.restore(state)
  }

  all(): Iterable<KeptState> {
    return this.#table.all()
  }

  #announce({ topic, version, value }: KeptState): void {
    const news = value === undefined ? { version } : { version, value }
    this.#options.system.publish(stateTopic(topic), noHeaders, () =>
      (this.#options.wrapNews ?? newsBody)(news),
    )
  }
}
