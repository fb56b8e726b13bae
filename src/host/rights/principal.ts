import { LRUCache } from 'lru-cache'
import type { ForbiddenError } from '../../errors.js'
import { EXPOSED, isExposure, isMailTopic, isSystemTopic, MAILBOX, REPLIES } from '../../message/topic.js'
import { HOSTS_TOPIC } from '../../bus/contract/hosts.js'
import {
  ruleRights,
  type FlagRight,
  type PrincipalDefinition,
  type Right,
  type RootRight,
  type RuleRight,
  type TokenCredential,
} from './definition.js'
import type { Denials } from './denials.js'
import { TextRule } from './text-rule.js'

/** Answers about topics that one principal has in memory, for each right. */
const TOPICS_CACHED = 4_096
const DEAD = '$dead/'

type Rules = Readonly<Record<RuleRight | 'vans', TextRule>>

/** One principal, for as long as it is in the file: a new version of the file changes it in place. */
export class Principal {
  readonly name: string
  readonly #denials: Denials
  #definition: PrincipalDefinition
  #rules: Rules
  readonly #seen = new LRUCache<string, boolean>({ max: TOPICS_CACHED })
  readonly #published = new LRUCache<string, boolean>({ max: TOPICS_CACHED })

  constructor(definition: PrincipalDefinition, denials: Denials) {
    this.name = definition.name
    this.#denials = denials
    this.#definition = definition
    this.#rules = rulesOf(definition)
  }

  renew(definition: PrincipalDefinition): void {
    this.#definition = definition
    this.#rules = rulesOf(definition)
    this.#seen.clear()
    this.#published.clear()
  }

  /** @returns its token of this id, unless it has expired */
  token(id: string, now = Date.now()): TokenCredential | undefined {
    return this.#definition.credentials.find(each => each.id === id && each.expires > now)
  }

  allows(right: RuleRight | 'vans', text: string): boolean {
    return this.#rules[right].allows(text)
  }

  has(right: FlagRight): boolean {
    return this.#definition.flags[right]
  }

  /** @returns the folders from which it may have modules loaded; undefined without the right */
  roots(right: RootRight): readonly string[] | undefined {
    return this.#definition.roots[right]
  }

  /** The right allows nothing at all. */
  lacks(right: RuleRight): boolean {
    return this.#rules[right].isEmpty
  }

  /** Whether messages with this topic may come to it, as far as the topic says. Mail comes to its address alone. */
  sees(topic: string): boolean {
    const known = this.#seen.get(topic)
    if (known !== undefined) return known
    const may = this.#maySee(topic)
    this.#seen.set(topic, may)
    return may
  }

  publishes(topic: string): boolean {
    const known = this.#published.get(topic)
    if (known !== undefined) return known
    const may = this.#publishRight(topic) === undefined
    this.#published.set(topic, may)
    return may
  }

  /** @returns why it may not publish to this topic */
  publishRefusal(topic: string): ForbiddenError | undefined {
    if (this.publishes(topic)) return undefined
    return this.deny(this.#publishRight(topic) ?? 'publish', `the topic ${JSON.stringify(topic)}`)
  }

  /** @throws ForbiddenError */
  mustAllow(right: RuleRight | 'vans', text: string, what: string): void {
    if (!this.allows(right, text)) throw this.deny(right, `${what} ${JSON.stringify(text)}`)
  }

  /** @throws ForbiddenError */
  mustHave(right: FlagRight | RootRight, what: string): void {
    const has = right === 'join' || right === 'admin' ? this.has(right) : this.roots(right) !== undefined
    if (!has) throw this.deny(right, what)
  }

  deny(right: Right, what: string): ForbiddenError {
    return this.#denials.deny(this.name, right, what)
  }

  #maySee(topic: string): boolean {
    if (topic.startsWith(DEAD)) return this.allows('deadLetters', topic.slice(DEAD.length))
    if (topic === HOSTS_TOPIC) return this.has('admin')
    if (isMailTopic(topic)) return true
    return !isSystemTopic(topic) && this.allows('subscribe', topic)
  }

  /** @returns the right that it lacks */
  #publishRight(topic: string): Right | undefined {
    // An address is known only to its addressees: it is the right to answer.
    if (topic.startsWith(REPLIES)) return undefined
    if (isExposure(topic)) return this.allows('observe', topic.slice(EXPOSED.length)) ? undefined : 'observe'
    if (topic.startsWith(MAILBOX)) return this.roots('actors') === undefined ? 'actors' : undefined
    // The publish itself refuses the system's own topics.
    return isSystemTopic(topic) || this.allows('publish', topic) ? undefined : 'publish'
  }
}

function rulesOf({ vans, rules }: PrincipalDefinition): Rules {
  const made = ruleRights.map(right => [right, new TextRule(rules[right])])
  return { ...(Object.fromEntries(made) as Record<RuleRight, TextRule>), vans: new TextRule(vans) }
}
