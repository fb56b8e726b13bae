import { HOSTS_TOPIC } from '../../bus/contract/hosts.js'
import type { Sight } from '../../bus/contract/sight.js'
import { STATE } from '../../bus/contract/control.js'
import { InvalidPatternError } from '../../errors.js'
import { isMailTopic, isRequest, isSystemTopic, REQUESTS } from '../../message/topic.js'
import { noLists, TextRule } from './text-rule.js'
import { TopicAnswers } from './topic-answers.js'

const DEAD = '$dead/'

/** Decides what somebody may see. */
export interface Seer {
  /** Whether messages with this topic may come to it, as far as the topic says. Mail comes to its address alone. */
  sees(topic: string): boolean
  /** Whether it may look into the dead letters of that subscription. */
  seesLettersOf(subscription: string): boolean
}

/** What both may see. Undefined: no limit. */
export function both(one: Seer | undefined, other: Seer | undefined): Seer | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return {
    sees: topic => one.sees(topic) && other.sees(topic),
    seesLettersOf: subscription => one.seesLettersOf(subscription) && other.seesLettersOf(subscription),
  }
}

interface Compiled {
  readonly subscribe: TextRule
  readonly deadLetters: TextRule
}

/** The messages that a principal may see, by its rules, which may change. */
export class View implements Seer {
  #sight: Sight
  /** Compiled when first asked. */
  #rules: Compiled | undefined
  readonly #seen = new TopicAnswers(topic => this.#maySee(topic))

  constructor(sight: Sight) {
    this.#sight = sight
  }

  get sight(): Sight {
    return this.#sight
  }

  renew(sight: Sight): void {
    this.#sight = sight
    this.#rules = undefined
    this.#seen.forget()
  }

  sees(topic: string): boolean {
    return this.#seen.of(topic)
  }

  seesLettersOf(subscription: string): boolean {
    return this.#compiled.deadLetters.allows(subscription)
  }

  #maySee(topic: string): boolean {
    if (topic.startsWith(DEAD)) return this.seesLettersOf(topic.slice(DEAD.length))
    if (topic === HOSTS_TOPIC) return this.#sight.hosts
    if (isRequest(topic)) return this.#compiled.subscribe.allows(topic.slice(REQUESTS.length))
    if (topic.startsWith(STATE)) return this.#compiled.subscribe.allows(topic.slice(STATE.length))
    if (isMailTopic(topic)) return true
    return !isSystemTopic(topic) && this.#compiled.subscribe.allows(topic)
  }

  get #compiled(): Compiled {
    return (this.#rules ??= compiled(this.#sight))
  }
}

/** Rules that this version cannot read, from a store or another host, allow nothing. */
function compiled({ subscribe, deadLetters }: Sight): Compiled {
  try {
    return { subscribe: new TextRule(subscribe), deadLetters: new TextRule(deadLetters) }
  } catch (error) {
    if (!(error instanceof InvalidPatternError)) throw error
    return { subscribe: new TextRule(noLists), deadLetters: new TextRule(noLists) }
  }
}
