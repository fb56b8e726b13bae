/** What a world may have, by what its trace counts when it happens. */
export const features = [
  'stored hosts',
  'hosts in memory',
  'host kills',
  'host stops',
  'kills in a write',
  'disks full',
  'disks failing',
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
  'ordered',
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
  'payloads that publish',
  'backlogs',
  'records damaged',
  'observations',
] as const
export type Feature = (typeof features)[number]
export type Pair = readonly [Feature, Feature]

const onDisk: readonly Feature[] = [
  'kills in a write',
  'disks full',
  'disks failing',
  'from the start',
  'records damaged',
  'observations',
]

/** Without a store there is no disk. */
function canMeet(a: Feature, b: Feature): boolean {
  const pair = [a, b]
  return !pair.includes('hosts in memory') || !pair.some(each => [...onDisk, 'stored hosts'].includes(each))
}

export const pairs: readonly Pair[] = features.flatMap((a, at) =>
  features.slice(at + 1).flatMap((b): Pair[] => (canMeet(a, b) ? [[a, b]] : [])),
)

/** Each seed has one pair for certain, in turn, so that as many seeds in a row as there are pairs have each. */
export function pairOf(seed: number): Pair | undefined {
  return pairs[seed % pairs.length]
}

/** Which pairs of features worlds have met by now. */
export class Coverage {
  readonly #met = new Map<Pair, number>()

  add(counts: ReadonlyMap<string, number>): void {
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
      (missing.length === 0 ? `, each in ${least} worlds at least` : `; not ${named.join(', ')}`)
    )
  }
}
