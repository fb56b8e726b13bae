/**
 * Work for all processors of all hosts: one actor counts primes, range by range, with instances on every host that may load it, and
 * whoever asks sees how it goes.
 *
 *   node instances.js [LIMIT] [INSTANCES]
 *
 * Hosts that have joined this machine's take part if they may load the module: msgvan host --join ADDRESS --root DIRECTORY
 */
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { from, lastValueFrom, mergeMap, scan, tap } from 'rxjs'
import { moduleRef, van } from 'msgvan'

const RANGES = 20

const limit = Number(process.argv[2] ?? 2_000_000)
const instances = Number(process.argv[3] ?? availableParallelism())

const bus = van()
const counter = await bus.actors.create(moduleRef(new URL('counter.js', import.meta.url), 'Counter'), {
  instances,
})
const { actors, hosts } = await bus.status()
for (const part of actors.filter(({ id }) => id === counter.id)) {
  const { address, port } = hosts.find(({ id }) => id === part.host) ?? { address: '?', port: 0 }
  console.log(`${part.instances} of ${instances} instances on the host at ${address}:${port}`)
}

const step = Math.ceil(limit / RANGES)
const ranges = Array.from({ length: RANGES }, (_, i) => ({
  from: i * step,
  to: Math.min((i + 1) * step, limit),
}))

/**
 * Which instance takes a range is nobody's decision: whichever is free.
 *
 * @param {{ from: number, to: number }} range
 * @returns {import('rxjs').Observable<{ primes: number, instance: number }>}
 */
const count = range => counter.ask(range, { timeout: 600_000 })

const total$ = from(ranges).pipe(
  mergeMap(count),
  scan(
    (sum, { primes, instance }) => ({
      primes: sum.primes + primes,
      ranges: sum.ranges + 1,
      by: sum.by.add(instance),
    }),
    { primes: 0, ranges: 0, by: new Set() },
  ),
  tap(({ primes, ranges }) => console.log(`${ranges} of ${RANGES} ranges: ${primes} primes so far`)),
)

const { primes, by } = await lastValueFrom(total$)
console.log(`${primes} primes below ${limit}, counted by ${by.size} of ${instances} instances`)
await counter.stop()
await bus.close()
