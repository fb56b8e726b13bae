import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { firstValueFrom } from 'rxjs'
import { isDeadWithin } from '../src/daemon/gone.js'
import type { ActorRef, Bus } from '../src/index.js'
import { ConventionHost } from '../spec/support/convention.js'
import { Sandbox } from '../spec/support/sandbox.js'
import type { Outcome, Scale, Scenario } from './scenario.js'
import { until, type Stage } from './support/stage.js'

const module = fileURLToPath(new URL('parties/writer.js', import.meta.url))
const OFFERS = [
  '--capabilities',
  '{"follower":true}',
  '--root',
  fileURLToPath(new URL('parties', import.meta.url)),
]
/** It may die before it has done anything: that is no message's fault. */
const ATTEMPTS = 1_000

/** What one round came to. */
interface Round {
  readonly accepted: number
  readonly handled: readonly number[]
  /** Milliseconds from each kill until an actor answered across hosts again, or its own one did. */
  readonly recoveries: readonly number[]
  readonly orphans: number
}

export const actors: Scenario = {
  name: 'actors',
  title: 'an actor, a follower and a leader are killed (-9) again and again while actors that live are told',
  async run(stage, scale) {
    const rounds: Round[] = []
    // A leader that comes back is given five seconds to hear of what was wanted of the one before: too long for a short run.
    const all = scale === 'long' ? [actorKilled, followerKilled, leaderKilled] : [actorKilled, followerKilled]
    for (const round of all) rounds.push(await together(stage, scale, round))
    const accepted = rounds.reduce((sum, each) => sum + each.accepted, 0)
    const handled = rounds.reduce((sum, each) => sum + each.handled.length, 0)
    const acked = rounds.reduce((sum, each) => sum + new Set(each.handled).size, 0)
    const orphans = rounds.reduce((sum, each) => sum + each.orphans, 0)
    const medians = rounds.map(
      ({ recoveries }) => [...recoveries].sort((a, b) => a - b)[recoveries.length >> 1] ?? 0,
    )
    return {
      ...{ accepted, acked, deadLettered: 0, waiting: 0, dropped: 0, lostWithHost: 0 },
      lost: accepted - acked,
      duplicates: handled - acked,
      recovery: Math.max(...rounds.flatMap(({ recoveries }) => recoveries)),
      notes:
        `${rounds.map(({ recoveries }) => recoveries.length).join(' + ')} kills (${all.map(({ name }) => name.replace('Killed', '')).join(', ')}), ${orphans} orphans, ` +
        `median recovery ${medians.map(median => median.toFixed(0)).join(', ')} ms`,
      problems: [
        ...(accepted === acked ? [] : [`${accepted - acked} were accepted and never handled`]),
        ...(orphans === 0 ? [] : [`${orphans} processes outlived their host`]),
      ],
    } satisfies Outcome
  },
}

interface Hosts {
  readonly leader: ConventionHost
  readonly follower: ConventionHost
  readonly journal: string
  readonly kills: number
}

async function together(
  stage: Stage,
  scale: Scale,
  round: (hosts: Hosts) => Promise<Omit<Round, 'handled'>>,
): Promise<Round> {
  const heartbeat = ['--heartbeat', '1']
  const leader = new ConventionHost(await Sandbox.make(), ['--leader', ...heartbeat])
  const follower = new ConventionHost(await Sandbox.make(), [
    ...['--join', `127.0.0.1:${leader.port}`, ...heartbeat, ...OFFERS],
  ])
  try {
    await leader.start()
    await follower.start()
    const journal = join(stage.sandbox.home, `${round.name}.journal`)
    const kills = scale === 'long' ? 20 : 1
    const told = await round({ leader, follower, journal, kills })
    const lines = await readFile(journal, 'utf8')
    return { ...told, handled: lines.trim().split('\n').map(Number) }
  } finally {
    await follower.clean()
    await leader.clean()
  }
}

/** The actor's own process, while it is told from the other host. */
async function actorKilled({ leader, follower, journal, kills }: Hosts): Promise<Omit<Round, 'handled'>> {
  const actor = await created(leader.bus(), journal)
  const teller = new Teller(follower.bus().actors.ref(actor))
  await settled(leader.bus(), 2)
  const recoveries = await repeated(kills, async () => {
    await teller.going()
    const pid = await who(actor)
    const killed = performance.now()
    process.kill(pid, 'SIGKILL')
    await until('the actor to be back', async () => ((await who(actor)) === pid ? undefined : true))
    return performance.now() - killed
  })
  return { accepted: await teller.end(), recoveries, orphans: 0 }
}

/** The host from which another one's actor is told: what the leader has accepted is handled. */
async function followerKilled({ leader, follower, journal, kills }: Hosts): Promise<Omit<Round, 'handled'>> {
  const actor = await created(leader.bus(), journal)
  await settled(leader.bus(), 2)
  const teller = new Teller(leader.bus().actors.ref(actor))
  const orphans = new Orphans()
  const recoveries = await repeated(kills, async () => {
    orphans.add(await who(await created(leader.bus(), journal, { follower: true })))
    await teller.going()
    const killed = performance.now()
    await follower.process?.kill('SIGKILL')
    await follower.start()
    await settled(leader.bus(), 2)
    await who(follower.bus().actors.ref(actor))
    const took = performance.now() - killed
    await follower.closeBuses()
    return took
  })
  return { accepted: await teller.end(), recoveries, orphans: await orphans.count() }
}

/** The host that leads, while an actor of another one is told there. */
async function leaderKilled({ leader, follower, journal, kills }: Hosts): Promise<Omit<Round, 'handled'>> {
  const actor = await created(follower.bus(), journal)
  await settled(follower.bus(), 2)
  const teller = new Teller(actor)
  const orphans = new Orphans()
  const recoveries = await repeated(kills, async () => {
    orphans.add(await who(await created(leader.bus(), journal)))
    await teller.going()
    const killed = performance.now()
    await leader.process?.kill('SIGKILL')
    await leader.closeBuses()
    await leader.start()
    await settled(follower.bus(), 2)
    await who(leader.bus().actors.ref(actor))
    return performance.now() - killed
  })
  return { accepted: await teller.end(), recoveries, orphans: await orphans.count() }
}

function created(bus: Bus, journal: string, requires = {}): Promise<ActorRef> {
  const options = { args: { journal }, isolation: 'process', attempts: ATTEMPTS, requires } as const
  return bus.actors.create({ module, export: 'Writer' }, options)
}

async function who(actor: ActorRef): Promise<number> {
  return until('an answer', () =>
    firstValueFrom(actor.ask<number>('who', { timeout: 1_000 })).catch(() => undefined),
  )
}

async function settled(bus: Bus, hosts: number): Promise<void> {
  await until(
    'the hosts to be together',
    async () => (await bus.status()).hosts.length === hosts || undefined,
  )
}

/** @param kill says how long it took until all was well again, in milliseconds */
async function repeated(times: number, kill: () => Promise<number>): Promise<number[]> {
  const all: number[] = []
  for (let time = 0; time < times; time += 1) all.push(await kill())
  return all
}

/** Tells an actor one number after another, as fast as they are accepted. */
class Teller {
  readonly #actor: ActorRef
  #accepted = 0
  #isOn = true
  readonly #over: Promise<void>

  constructor(actor: ActorRef) {
    this.#actor = actor
    this.#over = this.#run()
  }

  /** Resolves when more was accepted than now. */
  async going(): Promise<void> {
    const before = this.#accepted
    await until('more to be told', () => Promise.resolve(this.#accepted > before + 20 || undefined))
  }

  /** @returns how many were accepted, when the actor has done all of them */
  async end(): Promise<number> {
    this.#isOn = false
    await this.#over
    // In order behind all the rest.
    await who(this.#actor)
    return this.#accepted
  }

  async #run(): Promise<void> {
    while (this.#isOn) {
      // What is refused is told again.
      const isTaken = await this.#actor.tell(this.#accepted).then(
        () => true,
        () => false,
      )
      if (isTaken) this.#accepted += 1
      await pass(1)
    }
  }
}

/** Processes of actors whose hosts were killed. */
class Orphans {
  readonly #pids: number[] = []

  add(pid: number): void {
    this.#pids.push(pid)
  }

  async count(): Promise<number> {
    const dead = await Promise.all(this.#pids.map(pid => isDeadWithin(5_000, pid)))
    return dead.filter(isDead => !isDead).length
  }
}
