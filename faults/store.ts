import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { syncedBytes } from '../src/store/data-file.js'
import type { Scenario } from './scenario.js'
import { duplicates, unhandled, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import type { Evidence } from './support/evidence.js'
import { done, PATIENCE_MS, ready } from './support/stage.js'
import { Traffic } from './support/traffic.js'

const SUBSCRIBERS = 10
const PUBLISHERS = 20
const BYTES = 200

/** A host with a store dies again and again in the middle of traffic: what it had accepted it owes for ever. */
export const store: Scenario = {
  name: 'store',
  title:
    'a host with a store is killed (-9) under load, and its file cut back to what was synced every other time',
  async run(stage, scale) {
    const kills = scale === 'long' ? 200 : 3
    const folder = join(stage.sandbox.home, 'store')
    const start = () => stage.host({}, ['--store', folder])
    let host = await start()
    const names = Array.from({ length: SUBSCRIBERS }, (_, i) => `named${i}`)
    for (const half of [names.slice(0, SUBSCRIBERS / 2), names.slice(SUBSCRIBERS / 2)]) {
      const subscribers = Object.fromEntries(half.map(name => [name, '^faults\\.']))
      await ready(stage.subscriber({ subscribers, areNamed: true, mode: 'auto', bytes: BYTES }))
    }
    const publishers = Array.from({ length: PUBLISHERS }, (_, i) => `p${i}`)
    const publisher = stage.publisher({ publishers, batch: 5, bytes: BYTES, pause: 100 })
    const faults: number[] = []
    const traffic = new Traffic(stage.journals)
    for (let kill = 0; kill < kills; kill += 1) {
      // A host is killed under load, however slow the machine; now and then also while its clients come back.
      if (kill % 10 !== 9) await traffic.goesOn(faults.at(-1) ?? 0, PATIENCE_MS)
      await sleep(stage.random.between(200, 1_200))
      host.child.kill('SIGKILL')
      faults.push(now())
      await host.ended
      if (kill % 2 === 1) truncateSync(join(folder, 'data.mdb'), syncedBytes(folder))
      host = await start()
    }
    await traffic.goesOn(faults.at(-1) ?? 0, PATIENCE_MS)
    publisher.child.stdin?.end()
    await done([publisher])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const each = names.map(name => ({ name, own: evidence.of(name) }))
    const lost = each.flatMap(({ name, own }) => unhandled(own).map(key => `${key} at ${name}`))
    const repeated = each.reduce((sum, { own }) => sum + duplicates(own.handled), 0)
    const recoveries = recoveriesOf(faults, evidence)
    const at = (share: number) =>
      recoveries[Math.min(recoveries.length - 1, Math.floor(recoveries.length * share))] ?? NaN
    return {
      accepted: evidence.taken,
      acked: status.acked,
      deadLettered: status.deadLettered,
      waiting: status.pending + status.inFlight,
      dropped: status.dropped,
      lostWithHost: 0,
      lost: lost.length,
      duplicates: repeated,
      recovery: recoveries.at(-1),
      notes:
        `${kills} kills, ${(repeated / kills / SUBSCRIBERS).toFixed(1)} duplicates a kill and subscriber, ` +
        `recovery p50 ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms`,
      problems: [
        ...(lost.length > 0
          ? [`${lost.length} accepted and never handled, the first: ${lost[0] ?? ''}`]
          : []),
        ...(evidence.refused > 0 ? [`${evidence.refused} publishes were refused`] : []),
        ...(recoveries.length < kills
          ? [`traffic went on after ${recoveries.length} of ${kills} kills`]
          : []),
        ...each.flatMap(({ own }) => wrongs(own, { repeats: 'any' })),
      ],
    }
  },
}

/** From each kill until a message was handled that was published after it, in milliseconds, the shortest first. */
function recoveriesOf(faults: readonly number[], evidence: Evidence): number[] {
  const found: number[] = []
  let at = 0
  const { handled } = evidence
  for (const fault of faults) {
    while (at < handled.length && !isAfter(fault, at)) at += 1
    const next = handled[at]
    if (next !== undefined) found.push((next.at - fault) / 1_000)
  }
  return found.sort((a, b) => a - b)

  function isAfter(fault: number, index: number): boolean {
    const each = handled[index]
    return each !== undefined && each.at >= fault && (evidence.calledAt(each) ?? 0) >= fault
  }
}
