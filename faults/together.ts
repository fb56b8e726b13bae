import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from './scenario.js'
import { Cast } from './together/cast.js'
import { checkHistory } from './together/check-history.js'
import { OTHER_PROTOCOL, readHistory } from './together/history.js'
import { Troubles } from './together/troubles.js'

/** All features at once: what holds alone must hold where they meet. */
export const together: Scenario = {
  name: 'together',
  title:
    'three hosts with stores are killed (-9), stopped, cut off, restarted and upgraded, and consumers killed, while all kinds of subscriptions and actors work',
  async run(stage, scale) {
    const kills = scale === 'long' ? 200 : 3
    const cast = await Cast.open(stage.sandbox.home, stage.random)
    try {
      const troubles = new Troubles(cast, stage.random)
      await cast.enter()
      for (let kill = 1; troubles.kills < kills; kill += 1) {
        await cast.goesOn()
        await sleep(stage.random.between(100, 700))
        // A short run has one of each kind of upgrade, too.
        if (kill === 1) await troubles.do('upgrade')
        else if (kill === 2) await troubles.do(OTHER_PROTOCOL)
        else await troubles.one()
        if (kill === Math.ceil(kills / 3)) await cast.enterLate()
        if (kill % 8 === 0) await cast.replayLetters()
      }
      await cast.goesOn()
      await cast.leaveOff()
      await cast.comeToRest().catch(async (error: unknown) => {
        throw new Error(`${String(error)}: ${cast.owed}; the histories are in ${await cast.keep()}`)
      })
      const verdict = checkHistory(await readHistory(cast.folder))
      const problems = [...verdict.problems]
      if (problems.length > 0) problems.push(`the histories are in ${await cast.keep()}`)
      const at = (share: number) =>
        verdict.recoveries[
          Math.min(verdict.recoveries.length - 1, Math.floor(verdict.recoveries.length * share))
        ]
      return {
        accepted: verdict.accepted,
        acked: verdict.done,
        deadLettered: verdict.letters,
        waiting: 0,
        dropped: 0,
        lostWithHost: 0,
        lost: verdict.problems.filter(problem => problem.startsWith('lost')).length,
        duplicates: verdict.repeats,
        recovery: verdict.recoveries.at(-1),
        notes: `${troubles.summary}, recovery p50 ${at(0.5)?.toFixed(0) ?? '?'} ms, p99 ${at(0.99)?.toFixed(0) ?? '?'} ms`,
        problems,
      }
    } finally {
      await cast.close()
    }
  },
}
