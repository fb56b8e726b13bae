import type { Started } from '../spec/support/processes.js'
import type { Scenario } from './scenario.js'
import { balance } from './support/balance.js'
import { worstRecovery, wrongs } from './support/checks.js'
import { now } from './support/clock.js'
import { done, ready, until, type Stage } from './support/stage.js'

export const sessionTaken: Scenario = {
  name: 'session-taken',
  title: 'two clients with one session id: the newest has it, the other is told and goes on as another',
  async run(stage, scale) {
    const rounds = scale === 'long' ? 20 : 3
    const bytes = 200
    await stage.host()
    const subscribe = (round: number, session?: string) =>
      stage.subscriber({
        name: 'workers',
        subscribers: { [`s${round}`]: '^faults\\.' },
        mode: 'handle',
        concurrency: 4,
        bytes,
        twin: { client: 'twin', ...(session === undefined ? {} : { session }) },
      })
    let owner = subscribe(0)
    await ready(owner)
    const publisher = stage.publisher({ publishers: ['p1', 'p2'], batch: 20, bytes, pause: 20 })
    const claims: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      claims.push(now())
      const next = subscribe(round, sessionOf(owner))
      await ready(next)
      await until('the other to be told', () => isTold(stage, round))
      owner = next
    }
    publisher.end()
    await done([publisher])
    // Whoever was told last comes back as another client a moment later.
    await until('all consumers to be there', async () => {
      const { consumers } = await stage.quiet()
      return consumers > rounds || undefined
    })
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const { account, problems } = balance(evidence, status)
    const told = evidence.troubles.get('MSGVAN_SESSION_LOST') ?? 0
    return {
      ...account,
      recovery: worstRecovery(claims, evidence),
      notes: `${claims.length} claims, ${told} told`,
      problems: [
        ...problems,
        ...wrongs(evidence, { repeats: 'flagged' }),
        ...(told === rounds ? [] : [`${told} were told for ${rounds} claims`]),
        ...(status.consumers === rounds + 1
          ? []
          : [`${status.consumers} of ${rounds + 1} consumers are left`]),
      ],
    }
  },
}

/** The last that it was given. */
function sessionOf({ stdout }: Started): string | undefined {
  return [...stdout.matchAll(/session (\w+)\./g)].at(-1)?.[1]
}

async function isTold(stage: Stage, count: number): Promise<true | undefined> {
  const { troubles } = await stage.evidence()
  return (troubles.get('MSGVAN_SESSION_LOST') ?? 0) >= count || undefined
}
