import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from './scenario.js'
import { keyOf, unhandled, wrongs } from './support/checks.js'
import { done, ready, until } from './support/stage.js'

const MIB = 1024 * 1024
const BALLAST = 64 * MIB
const ROOM = 4 * MIB
const BYTES = 1_000

/**
 * The disk of the store gets full under load, and there is room again later. On a disk that others use that is played by the
 * store's floor; with MSGVAN_FAULTS_DISK, the folder of a small file system, that one really fills up.
 */
export const storeFull: Scenario = {
  name: 'store-full',
  title: "a store's disk gets full under load; publishes are refused until there is room again",
  async run(stage, scale) {
    const own = process.env['MSGVAN_FAULTS_DISK']
    const disk = own ?? stage.sandbox.home
    const ballast = join(disk, 'ballast')
    const folder = join(disk, 'store')
    const room = (): number => {
      const { bavail, bsize } = statfsSync(disk)
      return bavail * bsize - ROOM
    }
    writeFileSync(ballast, Buffer.alloc(own === undefined ? BALLAST : room(), 1))
    const floor = own === undefined ? room() : 0
    const host = await stage.host({}, ['--store', folder, '--store-floor', String(Math.floor(floor))])
    const subscribers = { all: '^faults\\.' }
    await ready(stage.subscriber({ subscribers, areNamed: true, mode: 'auto', bytes: BYTES }))
    const publishers = ['p1', 'p2', 'p3']
    const publisher = stage.publisher({ publishers, batch: 20, bytes: BYTES, pause: 2 })
    const full = await until('the disk to be full', async () => {
      const evidence = await stage.evidence()
      return evidence.refused > 0 ? evidence : undefined
    })
    await sleep(scale === 'long' ? 10_000 : 500)
    rmSync(ballast)
    await until('publishes to be accepted again', async () => {
      const evidence = await stage.evidence()
      const isGoingOn = publishers.every(
        each =>
          highest(evidence.publishers.get(each)?.taken) > highest(full.publishers.get(each)?.taken) + 20,
      )
      return isGoingOn ? true : undefined
    })
    publisher.child.stdin?.end()
    await done([publisher])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    if (own !== undefined) {
      host.child.kill('SIGTERM')
      await host.ended
      rmSync(folder, { recursive: true })
    }
    const missing = unhandled(evidence)
    const taken = new Set([...evidence.publishers].flatMap(([name, each]) => [...each.taken.keys()].map(sequence => keyOf({ publisher: name, sequence })))) // prettier-ignore
    const refusedAndHandled = evidence.handled.filter(each => !taken.has(keyOf(each)))
    return {
      accepted: evidence.taken,
      acked: status.acked,
      deadLettered: status.deadLettered,
      waiting: status.pending + status.inFlight,
      dropped: status.dropped,
      lostWithHost: 0,
      lost: missing.length,
      duplicates: 0,
      recovery: undefined,
      notes: `${evidence.refused} publishes refused${own === undefined ? '' : ', on a disk of its own'}`,
      problems: [
        ...(missing.length > 0
          ? [`${missing.length} accepted and never handled, the first: ${missing[0] ?? ''}`]
          : []),
        ...(refusedAndHandled.length > 0
          ? [`${refusedAndHandled.length} refused and handled all the same`]
          : []),
        ...wrongs(evidence, { repeats: 'none' }),
      ],
    }
  },
}

function highest(taken: ReadonlyMap<number, number> | undefined): number {
  return Math.max(0, ...(taken?.keys() ?? []))
}
