/** Lists of regular expressions, as a file of principals has them. */
export interface RuleLists {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** The messages that a principal may see, by the rules of the host that lets it in. Its leader applies them, too. */
export interface Sight {
  /** The name of the principal. */
  readonly owner: string
  readonly subscribe: RuleLists
  readonly deadLetters: RuleLists
  /** It may see `$hosts`. */
  readonly hosts: boolean
}

interface Made {
  readonly principal?: string | undefined
  readonly sight?: Sight | undefined
}

/** Both are of one principal of another host. */
export function haveSameOwner(one: Made, other: Made): boolean {
  return other.sight !== undefined && isMadeBy(one, other.sight.owner, other.principal)
}

/**
 * Whether a principal of another host made it.
 *
 * @param host the principal of that host here, if it has one. Of an actor's subscription it is the maker itself
 */
export function isMadeBy({ principal, sight }: Made, owner: string, host: string | undefined): boolean {
  return sight?.owner === owner && (principal === host || principal === owner)
}

export function areSameSights(one: Sight | undefined, other: Sight | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && keyOfSight(one) === keyOfSight(other))
}

/** Tells the rules of one sight from those of another. */
export function keyOfSight({ owner, subscribe, deadLetters, hosts }: Sight): string {
  const lists = [subscribe, deadLetters].map(({ allow, deny }) => [allow, deny])
  return JSON.stringify([owner, hosts, lists])
}
