import { isDeepStrictEqual } from 'node:util'
import type { Sight } from '../../bus/contract/sight.js'
import { LimitError, type ForbiddenError } from '../../errors.js'
import { isTooLarge, MOST_SIGHT_CHARACTERS, MOST_SIGHT_RULES } from '../../wire/frames/sight.js'
import {
  EXPOSED,
  isExposure,
  isRequest,
  isSystemTopic,
  MAILBOX,
  REPLIES,
  REQUESTS,
} from '../../message/topic.js'
import {
  ruleRights,
  type Credential,
  type FlagRight,
  type PrincipalDefinition,
  type Right,
  type RootRight,
  type RuleRight,
  type TokenCredential,
} from './definition.js'
import type { PrincipalLimits } from '../limits/definition.js'
import { PrincipalMemory } from '../limits/principal-memory.js'
import { PublishRate, sameRates, type RateTimers } from '../limits/publish-rate.js'
import { Refused } from '../limits/refused.js'
import type { Denials } from './denials.js'
import { noLists, TextRule } from './text-rule.js'
import { TopicAnswers } from './topic-answers.js'
import { View, type Seer } from './view.js'

type Rules = Readonly<Record<RuleRight | 'vans', TextRule>>

/** One principal, for as long as it is in the file: a new version of the file changes it in place. */
export class Principal implements Seer {
  readonly name: string
  readonly #denials: Denials
  #definition: PrincipalDefinition
  readonly #timers: RateTimers
  /** Counts its refusals by limits. */
  readonly refused: Refused
  /** Of its waiting publishes, and of data that its clients have not read. */
  readonly memory: PrincipalMemory
  /** The rate of its publishes, if that has a limit. */
  rate: PublishRate | undefined
  #rules: Rules
  readonly #view: View
  readonly #published = new TopicAnswers(topic => this.#publishRight(topic) === undefined)

  /** @param timers the clock of its rates */
  constructor(definition: PrincipalDefinition, denials: Denials, timers: RateTimers) {
    this.name = definition.name
    this.#denials = denials
    this.#definition = definition
    this.#rules = rulesOf(definition)
    this.#view = new View(sightOf(definition))
    this.#timers = timers
    this.refused = new Refused(definition.name, text => denials.warn(text))
    this.rate = PublishRate.of(definition.limits, timers, this.refused)
    this.memory = new PrincipalMemory(definition.limits, this.refused)
  }

  /** Whether its part of the file is the same. */
  is(definition: PrincipalDefinition): boolean {
    return isDeepStrictEqual(definition, this.#definition)
  }

  get limits(): PrincipalLimits | undefined {
    return this.#definition.limits
  }

  renew(definition: PrincipalDefinition): void {
    if (!sameRates(definition.limits, this.limits))
      this.rate = PublishRate.of(definition.limits, this.#timers, this.refused)
    this.memory.renew(definition.limits)
    this.#definition = definition
    this.#rules = rulesOf(definition)
    this.#view.renew(sightOf(definition))
    this.#published.forget()
  }

  /** The part of its rights that a leader needs for its subscriptions there. Nothing, if it is too large to send. */
  get sight(): Sight {
    const { sight } = this.#view
    return isTooLarge(sight) ? noSight(this.name) : sight
  }

  /** @throws LimitError if its sight is too large to send */
  checkSight(): void {
    if (!isTooLarge(this.#view.sight)) return
    throw new LimitError(
      `The principal ${this.name} has too many rights to take them to other hosts: ` +
        `its lists "subscribe" and "deadLetters" may have ${MOST_SIGHT_RULES} expressions of ${MOST_SIGHT_CHARACTERS} characters in all. Its administrator can make them fewer.`,
    )
  }

  /** @returns its token of this id, unless it has expired */
  token(id: string, now = Date.now()): TokenCredential | undefined {
    return this.credentials(now).find(each => each.kind === 'token' && each.id === id) as
      TokenCredential | undefined
  }

  /** Those that have not expired. */
  credentials(now: number): readonly Credential[] {
    return this.#definition.credentials.filter(({ expires }) => expires > now)
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

  sees(topic: string): boolean {
    return this.#view.sees(topic)
  }

  seesLettersOf(subscription: string): boolean {
    return this.#view.seesLettersOf(subscription)
  }

  publishes(topic: string): boolean {
    return this.#published.of(topic)
  }

  /** @returns why it may not publish to this topic */
  publishRefusal(topic: string): ForbiddenError | undefined {
    if (this.publishes(topic)) return undefined
    return this.deny(this.#publishRight(topic) ?? 'publish', `the topic ${JSON.stringify(topic)}`)
  }

  /**
   * Resolves when its publishes are within its limits; undefined when they are.
   *
   * @param isWorking the client has messages in hand: its work makes room, and must not wait for it
   */
  publishRoom(isWorking: () => boolean): Promise<unknown> | undefined {
    const room = this.memory.room()
    const due = this.rate?.room()
    if (room === undefined || isWorking()) return due
    return due === undefined ? room : Promise.all([room, due])
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

  /** @returns the right that it lacks */
  #publishRight(topic: string): Right | undefined {
    // An address is known only to its addressees: it is the right to answer.
    if (topic.startsWith(REPLIES)) return undefined
    if (isExposure(topic)) return this.allows('observe', topic.slice(EXPOSED.length)) ? undefined : 'observe'
    if (isRequest(topic)) return this.allows('publish', topic.slice(REQUESTS.length)) ? undefined : 'publish'
    if (topic.startsWith(MAILBOX)) return this.roots('actors') === undefined ? 'actors' : undefined
    // The publish itself refuses the system's own topics.
    return isSystemTopic(topic) || this.allows('publish', topic) ? undefined : 'publish'
  }
}

function rulesOf({ vans, rules }: PrincipalDefinition): Rules {
  const made = ruleRights.map(right => [right, new TextRule(rules[right])])
  return { ...(Object.fromEntries(made) as Record<RuleRight, TextRule>), vans: new TextRule(vans) }
}

function sightOf({ name, rules: { subscribe, deadLetters }, flags }: PrincipalDefinition): Sight {
  return { owner: name, subscribe, deadLetters, hosts: flags.admin }
}

/** A principal that may see nothing, or that is gone. */
export function noSight(owner: string): Sight {
  return { owner, subscribe: noLists, deadLetters: noLists, hosts: false }
}
