import type { Scenario } from './scenario.js'
import { balanceOverDeaths } from './support/balance-over-deaths.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready, until, type Stage } from './support/stage.js'

const KILLS = 2

export const hostKilled: Scenario = {
  name: 'host-killed',
  title: 'the host is killed (-9) twice while many publish, and started again',
  async run(stage, scale) {
    const isLong = scale === 'long'
    const [publishers, processes, part, pause] = isLong ? [100, 5, 2_500, 400] : [20, 2, 200, 100]
    // The short version goes on until both kills are over, however slow the machine.
    const count = isLong ? 100 : undefined
    const bytes = 200
    let host = await stage.host()
    const subscribers = { all: '^faults\\.' }
    // Slower than the publishers, so that there is something to be lost.
    await ready(stage.subscriber({ subscribers, mode: 'handle', work: 1, concurrency: 2, bytes }))
    const each = publishers / processes
    const publishing = Array.from({ length: processes }, (_, process) =>
      stage.publisher({
        publishers: Array.from({ length: each }, (_, at) => `p${process * each + at + 1}`),
        ...(count === undefined ? {} : { count }),
        batch: 5,
        bytes,
        pause,
      }),
    )
    const kills: number[] = []
    // One that comes later would not be told of a gap by the first death.
    await until('everybody to be there', () => areThere(stage, publishers))
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await until('a good part to be published', () => isPublished(stage, part))
      // Everybody has heard of this host: by that it is known which one took what over.
      await until('everybody to be back', () => hasGaps(stage, (kill - 1) * (publishers + 1)))
      kills.push(now())
      await host.kill('SIGKILL')
      host = await stage.host()
    }
    if (count === undefined) {
      await until('a good part to be published', () => isPublished(stage, part))
      for (const { child } of publishing) child.stdin?.end()
    }
    await done(publishing)
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const { account, problems } = balanceOverDeaths(evidence, status)
    return {
      ...account,
      recovery: worstRecovery(kills, evidence),
      notes: `${kills.length} kills, ${publishers} publishers`,
      problems: [
        ...problems,
        // A publisher that was not told what became of a message publishes it again at the next host.
        ...wrongs(evidence, { repeats: 'any' }),
        ...(account.accepted === evidence.called ? [] : [`${evidence.called} were published`]),
        ...(count === undefined || account.accepted === publishers * count
          ? []
          : ['some were never published']),
      ],
    }
  },
}

/** By this host. */
async function isPublished({ bus }: Stage, count: number): Promise<true | undefined> {
  const { counters } = await bus.status()
  return counters.published >= count || undefined
}

async function areThere(stage: Stage, publishers: number): Promise<true | undefined> {
  const known = [...(await stage.evidence()).publishers.values()]
  return known.filter(({ taken }) => taken.size > 0).length === publishers || undefined
}

async function hasGaps(stage: Stage, count: number): Promise<true | undefined> {
  const { troubles } = await stage.evidence()
  return (troubles.get('MSGVAN_GAP') ?? 0) >= count || undefined
}
