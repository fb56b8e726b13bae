import type { Scenario } from './scenario.js'
import type { SubscriberMode } from './parties/job.js'
import { balance } from './support/balance.js'
import { keyOf, worstRecovery, wrongs } from './support/checks.js'
import { isContent } from './support/content.js'
import type { Evidence } from './support/evidence.js'
import { done, ready, type Stage } from './support/stage.js'

const ATTEMPTS = 5
const modes: readonly SubscriberMode[] = ['auto', 'manual', 'handle']

export const subscriberKilled: Scenario = {
  name: 'subscriber-killed',
  title: 'subscribers kill themselves (-9) between handling a message and its ack',
  async run(stage, scale) {
    const [count, poisonous, once] = scale === 'long' ? [6_000, 10, 150] : [300, 1, 4]
    const bytes = 200
    const fatal = fatalities(stage, { count, poisonous, once })
    await stage.host()
    const all = { name: 'workers', bytes, attempts: ATTEMPTS, concurrency: 2 }
    const subscribe = (life: number) =>
      stage.subscriber({
        ...all,
        subscribers: { [`s${life}`]: '^faults\\.' },
        mode: modes[life % modes.length] ?? 'auto',
        // What was handed out by then would die with the one that kills, and be rightly blamed each time.
        ...(modes[life % modes.length] === 'manual' ? { prefetch: 1 } : {}),
      })
    let subscriber = subscribe(0)
    await ready(subscriber)
    const publisher = stage.publisher({ publishers: ['p'], count, batch: 20, bytes, pause: 20, fatal })
    const allDone = done([publisher]).then(() => stage.quiet())
    const isDead = () => subscriber.ended.then(() => undefined)
    for (let life = 1; (await Promise.race([allDone, isDead()])) === undefined; life += 1)
      subscriber = subscribe(life)
    const status = await allDone
    const evidence = await stage.evidence()
    const dead = await deadLetters(stage)
    const { account, problems } = balance(evidence, status, dead)
    return {
      ...account,
      recovery: worstRecovery(evidence.subscriberDeaths, evidence, { of: 'any' }),
      notes: `${evidence.subscriberDeaths.length} kills`,
      problems: [
        ...problems,
        ...wrongs(evidence, { repeats: 'flagged' }),
        ...verdicts(evidence, fatal, dead),
      ],
    }
  },
}

type Fatal = Record<number, number>

/** Some messages kill whoever gets them, each time; others the first one only. */
function fatalities(
  { random }: Stage,
  { count, poisonous, once }: { count: number; poisonous: number; once: number },
): Fatal {
  const chosen = [...random.sample(poisonous + once, count)]
  return Object.fromEntries(chosen.map((sequence, at) => [sequence, at < poisonous ? ATTEMPTS : 1]))
}

async function deadLetters({ bus }: Stage): Promise<Set<string>> {
  const letters = await bus.deadLetters().list()
  return new Set(letters.map(({ payload }) => (isContent(payload) ? keyOf(payload) : '?')))
}

/** What kills everybody ends as a dead letter, and takes nobody along. */
function verdicts(evidence: Evidence, fatal: Fatal, dead: ReadonlySet<string>): string[] {
  const deaths = evidence.subscriberDeaths.length
  const poison = Object.keys(fatal).filter(sequence => fatal[Number(sequence)] === ATTEMPTS)
  const spared = poison.filter(sequence => !dead.has(`p ${sequence}`))
  const innocent = [...dead].filter(key => !poison.some(sequence => key === `p ${sequence}`))
  const least = Object.values(fatal).reduce((sum, each) => sum + each, 0)
  return [
    ...(spared.length > 0 ? [`kills everybody and is no dead letter: ${spared.join(', ')}`] : []),
    ...(innocent.length > 0 ? [`dead letters that killed nobody each time: ${innocent.join(', ')}`] : []),
    ...(deaths < least ? [`only ${deaths} of ${least} deaths`] : []),
  ]
}
