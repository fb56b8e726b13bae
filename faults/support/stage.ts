import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { localSecret } from '../../src/state/secret.js'
import type { Bus, SubscriptionStatus } from '../../src/index.js'
import type { Started } from '../../spec/support/processes.js'
import { Sandbox } from '../../spec/support/sandbox.js'
import type { Job, PublisherJob, SubscriberJob } from '../parties/job.js'
import { Evidence } from './evidence.js'
import type { Random } from './random.js'

/** Of the hosts, for parties behind a proxy. */
const TOKEN = 'the token of all parties behind a proxy'

/** Beyond this something hangs, however slow the machine. */
export const PATIENCE_MS = 300_000
const LOOK_EVERY_MS = 50

type Told<Job> = Omit<Job, 'port' | 'journal'> & { readonly port?: number }

/** A sandbox with a host, and the parties of one scenario in processes of their own. Nothing outlives it. */
export class Stage {
  #bus: Bus | undefined

  private constructor(
    readonly sandbox: Sandbox,
    readonly random: Random,
  ) {}

  static async open(random: Random): Promise<Stage> {
    return new Stage(await Sandbox.make(), random)
  }

  /** `msgvan host`, listening. */
  async host(env: NodeJS.ProcessEnv = {}, options: readonly string[] = []): Promise<Started> {
    const host = this.sandbox.msgvan(['host', ...options], { env: { MSGVAN_TOKEN: TOKEN, ...env } })
    await host.shows(/listening/)
    return host
  }

  publisher(job: Told<PublisherJob>): Started {
    return this.#party('publisher', { port: this.sandbox.port, ...job, journal: this.journals.publishers })
  }

  /** Its subscriptions are in force when it is `ready`. */
  subscriber(job: Told<SubscriberJob>): Started {
    return this.#party('subscriber', { port: this.sandbox.port, ...job, journal: this.journals.subscribers })
  }

  /** This process's own bus, straight to the host: it looks on. */
  get bus(): Bus {
    const { port, paths } = this.sandbox
    return (this.#bus ??= createBus(
      'default',
      new RemoteBroker({
        url: `http://127.0.0.1:${port}`,
        van: 'default',
        secret: async () => ({ secret: await localSecret(paths) }),
      }),
    ))
  }

  evidence(): Promise<Evidence> {
    return Evidence.read(this.journals)
  }

  /** Resolves when a subscription has nothing more to do, with how it stands; of several, their sum. */
  async quiet(): Promise<SubscriptionStatus> {
    for (let before: SubscriptionStatus | undefined; ;) {
      const now = await until('something to go on', async () => {
        const { subscriptions, counters } = await this.bus.status()
        // Also what was dropped with subscriptions that are gone: their clients were away for too long.
        const sum = { ...summed(subscriptions), dropped: counters.dropped }
        return isQuiet(sum) || isFurther(sum, before) ? sum : undefined
      })
      if (isQuiet(now)) return now
      before = now
    }
  }

  async close(): Promise<void> {
    await this.#bus?.close({ drain: false })
    await this.sandbox.clean()
  }

  /** Where the parties write down what they do. */
  get journals(): { publishers: string; subscribers: string } {
    const { home } = this.sandbox
    return { publishers: join(home, 'published.journal'), subscribers: join(home, 'handled.journal') }
  }

  #party(file: string, job: Job): Started {
    // Behind a proxy the secret does not count.
    const token = job.port === this.sandbox.port ? undefined : TOKEN
    const path = new URL(`../parties/${file}.js`, import.meta.url).pathname
    return this.sandbox.node([path, JSON.stringify({ ...job, token })])
  }
}

/** Asks until there is an answer. @throws Error when something hangs */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  patience = PATIENCE_MS,
): Promise<T> {
  const giveUp = performance.now() + patience
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`)
    await sleep(LOOK_EVERY_MS)
  }
}

export async function ready(subscriber: Started): Promise<void> {
  await subscriber.shows(/ready/)
}

/** Resolves when all these parties have done what they were told. @throws Error when one did not */
export async function done(parties: readonly Started[]): Promise<void> {
  const ends = await Promise.all(parties.map(({ ended }) => ended))
  for (const { code, signal, stderr } of ends) {
    if (code !== 0) throw new Error(`a party ended with ${code ?? signal ?? '?'}: ${stderr}`)
  }
}

/** The most memory that a process ever had resident, in MB. Linux only. */
export async function peakMemory({ pid }: { pid: number }): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

/** What a process has resident of its own now, without the files that it maps, in MB. Linux only. */
export async function memory({ pid }: { pid: number }): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

function isQuiet({ pending, inFlight }: SubscriptionStatus): boolean {
  return pending === 0 && inFlight === 0
}

/** However slow the machine: what does not hang goes on. */
function isFurther(sum: SubscriptionStatus, before: SubscriptionStatus | undefined): boolean {
  return sum.acked !== before?.acked || sum.failed !== before.failed
}

function summed(all: readonly SubscriptionStatus[]): SubscriptionStatus {
  const add = (
    what:
      | 'pending'
      | 'pendingBytes'
      | 'held'
      | 'inFlight'
      | 'acked'
      | 'failed'
      | 'deadLettered'
      | 'dropped'
      | 'delivered',
  ) => all.reduce((total, each) => total + each[what], 0)
  return {
    id: '*',
    pattern: '*',
    pausing: false,
    consumers: all.reduce((total, { consumers }) => total + consumers, 0),
    redelivered: all.reduce((total, { redelivered }) => total + redelivered, 0),
    pending: add('pending'),
    pendingBytes: add('pendingBytes'),
    held: add('held'),
    inFlight: add('inFlight'),
    acked: add('acked'),
    failed: add('failed'),
    deadLettered: add('deadLettered'),
    dropped: add('dropped'),
    delivered: add('delivered'),
  }
}
