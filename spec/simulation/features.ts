/** What a world may have, by what its trace counts when it happens. */
export const features = [
  'stored hosts',
  'hosts in memory',
  'host kills',
  'host stops',
  'hand-overs',
  'other protocols',
  'kills in a write',
  'disks full',
  'disks failing',
  'disks gone',
  'cuts',
  'black holes',
  'stalls',
  'deaths',
  'closes',
  'blocks',
  'clock jumps',
  'style auto',
  'style manual',
  'style handle',
  'style retry',
  'style take',
  'style creation',
  'style combined',
  'style loop',
  'abandons',
  'ordered',
  'matching headers',
  'ordered by key',
  'ack timeouts',
  'throws',
  'nacks',
  'rejects',
  'holds',
  'unsubscribes',
  'refused, MSGVAN_OVERFLOW',
  'replays',
  'purges',
  'from the start',
  'from the start at a follower',
  'payloads that publish',
  'backlogs',
  'records damaged',
  'observations',
  'requests',
  'followers in memory',
  'stored followers',
  'leader kills',
  'leader stops',
  'follower kills',
  'follower stops',
  'follower freezes',
  'host link cuts',
  'host link black holes',
  'host link stalls',
  'leader links lost',
  'actors',
  'actors handed over',
  'follower hand-overs',
  'follower restarts',
  'named from the start',
  'named from the start at a follower',
  'older clients',
  'older followers',
] as const
export type Feature = (typeof features)[number]
export type Pair = readonly [Feature, Feature]

const onDisk: readonly Feature[] = [
  'kills in a write',
  'disks full',
  'disks failing',
  'disks gone',
  'from the start',
  'from the start at a follower',
  'named from the start',
  'named from the start at a follower',
  'records damaged',
  'observations',
]

export const ofFollowers: readonly Feature[] = [
  'followers in memory',
  'stored followers',
  'leader kills',
  'leader stops',
  'follower kills',
  'follower stops',
  'follower freezes',
  'host link cuts',
  'host link black holes',
  'host link stalls',
  'leader links lost',
  'from the start at a follower',
  'named from the start at a follower',
  'follower hand-overs',
  'follower restarts',
  'older followers',
]

const handOvers: readonly Feature[] = ['hand-overs', 'other protocols', 'actors handed over']
const inMemory: readonly Feature[] = ['hosts in memory', ...handOvers]

/** Without a store there is no disk, and with one nothing is handed over. */
function canMeet(a: Feature, b: Feature): boolean {
  const pair = [a, b]
  const isStored = pair.some(each => [...onDisk, 'stored hosts'].includes(each))
  return !(isStored && pair.some(each => inMemory.includes(each)))
}

export const pairs: readonly Pair[] = features.flatMap((a, at) =>
  features.slice(at + 1).flatMap((b): Pair[] => (canMeet(a, b) ? [[a, b]] : [])),
)

/** Few enough that what they do can be told apart. */
const AT_ONCE = 4

/** So few sets of features that each pair is in one, each time with those that bring most pairs that are in none yet. */
function coveringSets(): readonly (readonly Feature[])[] {
  const open = new Set(pairs.map(([a, b]) => keyOf(a, b)))
  const sets: Feature[][] = []
  for (const [a, b] of pairs) {
    if (!open.has(keyOf(a, b))) continue
    const set = [a, b]
    while (set.length < AT_ONCE) {
      const best = bestFor(set, open)
      if (best === undefined) break
      set.push(best)
    }
    for (const [at, each] of set.entries())
      for (const other of set.slice(at + 1)) open.delete(keyOf(each, other))
    sets.push(set)
  }
  return sets
}

function bestFor(set: readonly Feature[], open: ReadonlySet<string>): Feature | undefined {
  let best: Feature | undefined
  let most = 0
  for (const feature of features) {
    if (set.some(each => each === feature || !canMeet(each, feature))) continue
    const brings = set.filter(each => open.has(keyOf(each, feature))).length
    if (brings <= most) continue
    best = feature
    most = brings
  }
  return best
}

/** The same in either order. */
function keyOf(a: Feature, b: Feature): string {
  return features.indexOf(a) < features.indexOf(b) ? `${a} + ${b}` : `${b} + ${a}`
}

export const sets = coveringSets()

/** Each seed has one set for certain, in turn, so that as many seeds in a row as there are sets have each pair. */
export function dueOf(seed: number): readonly Feature[] {
  return sets[seed % sets.length] ?? []
}

/** Which pairs of features worlds have met by now. */
export class Coverage {
  readonly #met = new Map<Pair, number>()
  /** How many worlds did not have a feature that they had to have. */
  readonly #unmet = new Map<Feature, number>()

  /** @param due what this world had to have */
  add(counts: ReadonlyMap<string, number>, due: readonly Feature[]): void {
    for (const feature of due)
      if (!counts.has(feature)) this.#unmet.set(feature, (this.#unmet.get(feature) ?? 0) + 1)
    for (const pair of pairs) {
      const [a, b] = pair
      if (counts.has(a) && counts.has(b)) this.#met.set(pair, (this.#met.get(pair) ?? 0) + 1)
    }
  }

  get missing(): Pair[] {
    return pairs.filter(pair => !this.#met.has(pair))
  }

  toString(): string {
    const { missing } = this
    const least = Math.min(...pairs.map(pair => this.#met.get(pair) ?? 0))
    const named = missing.slice(0, 20).map(([a, b]) => `${a} + ${b}`)
    return (
      `${pairs.length - missing.length} of ${pairs.length} pairs of ${features.length} features were met` +
      (missing.length === 0 ? `, each in ${least} worlds at least` : `; not ${named.join(', ')}`) +
      `; due, and not there: ${[...this.#unmet].map(([feature, worlds]) => `${feature} in ${worlds}`).join(', ') || 'none'}`
    )
  }
}
