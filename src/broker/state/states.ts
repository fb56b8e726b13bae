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
  /** Made with the first state: most vans have none. */
  #made: StateTable | undefined

  constructor(options: StatesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#made?.size ?? 0
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
    return this.#made?.all() ?? []
  }

  get #table(): StateTable {
    const { keeper } = this.#options
    return (this.#made ??= new StateTable({
      changed: state => {
        keeper?.stateKept(state)
        this.#announce(state)
      },
      forgotten: topic => keeper?.stateGone(topic),
    }))
  }

  #announce({ topic, version, value }: KeptState): void {
    const news = value === undefined ? { version } : { version, value }
    this.#options.system.publish(stateTopic(topic), noHeaders, () =>
      (this.#options.wrapNews ?? newsBody)(news),
    )
  }
}
