import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import type { Evidence } from './support/evidence.js'
import { wrongs, worstRecovery } from './support/checks.js'
import { done, ready } from './support/stage.js'

/** Several frames of the link's. */
const BATCH = 2_000

export const publisherKilled: Scenario = {
  name: 'publisher-killed',
  title: 'publishers kill themselves (-9) in the middle of a batch',
  async run(stage, scale) {
    const kills = scale === 'long' ? 200 : 6
    const { random } = stage
    await stage.host()
    const bytes = 200
    await ready(stage.subscriber({ subscribers: { all: '^faults\\.' }, mode: 'auto', bytes }))
    // Beside those that die, which may all do so before anything of theirs is accepted.
    const survivor = stage.publisher({ publishers: ['survivor'], batch: BATCH, bytes, pause: 100 })
    for (let kill = 1; kill <= kills; kill += 1) {
      const death = { at: random.between(1, 2 * BATCH), turns: random.between(0, 20) }
      await stage.publisher({ publishers: [`p${kill}`], batch: BATCH, bytes, death }).ended
    }
    survivor.child.stdin?.end()
    await done([survivor])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const { account, problems } = balance(evidence, status)
    const deaths = evidence.publisherDeaths.length
    return {
      ...account,
      recovery: worstRecovery(evidence.publisherDeaths, evidence),
      notes: `${deaths} kills, ${halves(evidence)} with a part of the batch accepted`,
      problems: [
        ...problems,
        ...wrongs(evidence, { repeats: 'none' }),
        ...(deaths === kills ? [] : [`${kills - deaths} publishers did not die as they were told`]),
      ],
    }
  },
}

/** Publishers of whom the van has more than whole batches: those that were killed in the middle of one. */
function halves({ handled }: Evidence): number {
  const counts = new Map<string, number>()
  for (const { publisher } of handled) counts.set(publisher, (counts.get(publisher) ?? 0) + 1)
  return [...counts.values()].filter(count => count % BATCH !== 0).length
}
