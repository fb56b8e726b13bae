/**
 * Work for all processors: an actor with several instances counts primes, range by range, and whoever asks sees how it goes.
 *
 *   node troupe.js [LIMIT] [INSTANCES]
 *
 * Hosts that have joined this machine's take part if they offer a capability `troupe`, each with a name of its own, and may load the
 * module: msgvan host --join ADDRESS --capabilities '{"troupe":"two"}' --root DIRECTORY
 */
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { EMPTY, from, lastValueFrom, map, mergeMap, scan, tap } from 'rxjs'
import { moduleRef, van } from 'msgvan'

const RANGES = 20

const limit = Number(process.argv[2] ?? 2_000_000)
const instances = Number(process.argv[3] ?? availableParallelism())

const bus = van()
const { hosts } = await bus.status()
const troupes = hosts.map(({ capabilities }) => capabilities['troupe']).filter(name => name !== undefined)
// One actor on each host that takes part; if none says so, one on this machine's.
const counters = await Promise.all(
  (troupes.length === 0 ? [{}] : troupes.map(troupe => ({ troupe }))).map(requires =>
    bus.actors.create(moduleRef(new URL('counter.js', import.meta.url), 'Counter'), { instances, requires }),
  ),
)

const step = Math.ceil(limit / RANGES)
const ranges = Array.from({ length: RANGES }, (_, i) => ({
  from: i * step,
  to: Math.min((i + 1) * step, limit),
}))

/**
 * @param {{ from: number, to: number }} range
 * @param {number} at
 * @returns {import('rxjs').Observable<{ primes: number, by: string }>}
 */
function count(range, at) {
  const host = at % counters.length
  /** @type {import('rxjs').Observable<{ primes: number, instance: number }> | undefined} */
  const answer$ = counters[host]?.ask(range, { timeout: 600_000 })
  return (answer$ ?? EMPTY).pipe(map(({ primes, instance }) => ({ primes, by: `host ${host}, ${instance}` })))
}

const total$ = from(ranges).pipe(
  mergeMap(count),
  scan(
    (sum, { primes, by }) => ({
      primes: sum.primes + primes,
      ranges: sum.ranges + 1,
      by: sum.by.add(by),
    }),
    { primes: 0, ranges: 0, by: new Set() },
  ),
  tap(({ primes, ranges }) => console.log(`${ranges} of ${RANGES} ranges: ${primes} primes so far`)),
)

const { primes, by } = await lastValueFrom(total$)
console.log(
  `${primes} primes below ${limit}, counted by ${by.size} of ${instances * counters.length} instances`,
)
await Promise.all(counters.map(counter => counter.stop()))
await bus.close()
