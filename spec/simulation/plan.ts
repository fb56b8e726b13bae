import type { Rules } from './account.js'
import { ofFollowers, type Feature } from './features.js'
import type { Troubles } from './manner.js'
import type { Latency } from './network.js'
import type { Random } from './random.js'
import type { ClientOptions } from './sim-client.js'

/** What a seed is about, before anything happens. */
export interface Plan {
  /** Must happen, by chance or not. */
  readonly forced: readonly Feature[]
  readonly clients: number
  /** Times of trouble, each followed by one in which all comes to rest. */
  readonly rounds: number
  readonly actionsPerRound: number
  readonly sessionTtl: number
  readonly latency: Latency
  readonly named: readonly Rules[]
  readonly client: Omit<ClientOptions, 'sessionTtl'>
  readonly troubles: Troubles
  /** Of each host that joins the first one: whether it has a store. */
  readonly followers: readonly boolean[]
  /** Links between hosts are in trouble. */
  readonly hostLinkFaults: boolean
  /** Followers are killed, stopped, and stand still. */
  readonly followerTrouble: boolean
  /** The host has a store. */
  readonly isStored: boolean
  /** It is killed, and started again. */
  readonly hostKills: boolean
  /** It is stopped, and started again. */
  readonly hostStops: boolean
  /** It is restarted, and the next one goes on with what it had in its memory. */
  readonly handOvers: boolean
  /** How likely it is killed at the beginning or the end of a write. */
  readonly killsInWrites: number
  readonly diskTrouble: boolean
  readonly linkFaults: boolean
  /** Clients' event loops stand still. */
  readonly blocks: boolean
  readonly clockJumps: boolean
  /** Thousands of messages wait for a consumer. */
  readonly hasBacklog: boolean
  /** A record of the store is not what was written. */
  readonly hasDamage: boolean
  /** One process observes what another one exposes. */
  readonly hasObservation: boolean
  /** One process asks, others answer. */
  readonly hasRequests: boolean
  /** A process with an older msgvan is replaced by a newer one. */
  readonly hasOlderClient: boolean
  /** An actor is told much, and it, its worker and its host end. */
  readonly hasActor: boolean
}

const topics = ['t.a', 't.b', 'u.a'] as const
const patterns = [/^t\./, /^t\.a$/, /\.a$/, /./] as const

/** @param forced what this world must have */
export function drawPlan(random: Random, forced: readonly Feature[] = []): Plan {
  const must = (...some: Feature[]) => some.some(feature => forced.includes(feature))
  const mustBeStored = must(
    'stored hosts',
    'kills in a write',
    'disks full',
    'disks failing',
    'disks gone',
    'from the start',
    'from the start at a follower',
    'named from the start',
    'named from the start at a follower',
    'records damaged',
  )
  const isStored =
    (random.chance(0.5) || mustBeStored) &&
    !must('hosts in memory', 'hand-overs', 'other protocols', 'actors handed over')
  const hostKills = random.chance(0.4) || must('kills in a write')
  const hostStops = random.chance(0.2)
  const killsInWrites = random.chance(0.5) ? 0.01 : 0
  const followers = drawFollowers(random, forced)
  const hasActor = random.chance(0.05) || must('actors', 'actors handed over')
  const named = Array.from({ length: random.between(1, 3) }, (_, at) => drawRules(random, `w${at + 1}`))
  const isNamedReplay =
    isStored && (random.chance(0.1) || must('named from the start', 'named from the start at a follower'))
  return {
    isStored,
    hostKills,
    hostStops,
    handOvers: !isStored && random.chance(0.3),
    killsInWrites: must('kills in a write') ? 0.05 : isStored && hostKills ? killsInWrites : 0,
    followers,
    hostLinkFaults: random.chance(0.6),
    followerTrouble: random.chance(0.5),
    diskTrouble: (isStored || followers.includes(true)) && random.chance(0.3),
    clients: random.between(1, 4),
    rounds: Math.max(random.between(1, 3), must('replays', 'purges') ? 2 : 1),
    forced,
    actionsPerRound: random.between(10, 50),
    sessionTtl: random.pick([300, 1_000, 5_000]),
    latency: random.pick([
      { least: 0, most: 0 },
      { least: 0, most: 3 },
      { least: 1, most: 20 },
      { least: 20, most: 150 },
    ]),
    named: isNamedReplay ? [...named, { ...drawRules(random, 'r1'), from: 'start' }] : named,
    client: {
      outbox: random.pick([100_000, 100_000, 20]),
      tellsPid: random.chance(0.5),
      topics,
      answers: random.chance(0.3),
      ballast: random.pick([0, 100, 20_000, 500_000]),
    },
    troubles: {
      failures: random.chance(0.7),
      slowness: random.chance(0.7),
      departures: random.chance(0.6),
      deaths: random.chance(0.4),
    },
    linkFaults: random.chance(0.8),
    blocks: random.chance(0.3),
    clockJumps: random.chance(0.3),
    hasBacklog: random.chance(0.01) || must('backlogs'),
    hasDamage: isStored && (random.chance(0.05) || must('records damaged')),
    hasObservation: random.chance(0.05) || must('observations'),
    hasActor,
    hasRequests: random.chance(0.05) || must('requests'),
    hasOlderClient: random.chance(0.05) || must('older clients'),
  }
}

function drawFollowers(random: Random, forced: readonly Feature[]): boolean[] {
  const needed = forced.some(feature => ofFollowers.includes(feature)) ? 1 : 0
  const count = Math.max(
    needed,
    random.weighted([
      [6, 0],
      [2, 1],
      [2, 2],
    ]) ?? 0,
  )
  const drawn = Array.from({ length: count }, () => random.chance(0.5))
  if (forced.includes('stored followers') || forced.includes('follower restarts')) drawn[0] = true
  // Both may have to be there.
  if (forced.includes('followers in memory') || forced.includes('follower hand-overs'))
    drawn[
      drawn[0] === true && (forced.includes('stored followers') || forced.includes('follower restarts'))
        ? 1
        : 0
    ] = false
  return drawn
}

/** An unnamed one says which it is in its pattern, so that the van's status can be told apart. */
export function drawRules(random: Random, name: string | undefined, mark = ''): Rules {
  const pattern = random.pick(patterns)
  const match = random.chance(0.2) ? { headers: { tenant: random.pick(['a', 'b']) } } : undefined
  const ordered = random.pick<boolean | 'key'>([true, 'key', 'key', false, false, false])
  return {
    name,
    pattern: name === undefined ? new RegExp(`${pattern.source}|^${mark}$`) : pattern,
    ordered,
    prefetch: ordered === true ? 1 : random.pick([1, 2, 5, 100]),
    attempts: random.pick([1, 2, 3, 5, 50]),
    delay: random.pick([0, 10, 100, 400]),
    ackTimeout: random.pick([0, 0, 30, 200]),
    maxPending: random.pick([3, 20, 100_000, 100_000]),
    overflow: random.pick(['pause', 'drop-oldest', 'drop-newest', 'error']),
    ...(match === undefined ? {} : { match }),
  }
}
