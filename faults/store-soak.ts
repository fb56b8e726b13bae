import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { firstValueFrom, take, tap, toArray } from 'rxjs'
import type { Bus } from '../src/index.js'
import type { Scenario } from './scenario.js'
import { duplicates, unhandled, wrongs } from './support/checks.js'
import { done, memory, ready } from './support/stage.js'

const MIB = 1024 * 1024
const BYTES = 2_000
const LETTERS = 50

interface Sample {
  /** Of the host, resident. */
  readonly memory: number
  /** Of the store's file. */
  readonly file: number
}

/** What is written and removed in the end takes no room, neither in memory nor on the disk. */
export const storeSoak: Scenario = {
  name: 'store-soak',
  title: 'half an hour of puts and deletes in a store: memory and file do not grow',
  async run(stage, scale) {
    const { minutes, kept, every } =
      scale === 'long'
        ? { minutes: 30, kept: 32 * MIB, every: 5_000 }
        : { minutes: 0.03, kept: MIB, every: 500 }
    const folder = join(stage.sandbox.home, 'store')
    const host = await stage.host({}, ['--store', folder, '--retain-bytes', String(kept)])
    const subscribers = { all: '^faults\\.' }
    await ready(stage.subscriber({ subscribers, areNamed: true, mode: 'auto', bytes: BYTES }))
    const publisher = stage.publisher({ publishers: ['p1', 'p2', 'p3'], batch: 5, bytes: BYTES, pause: 50 })
    const samples: Sample[] = []
    const perMinute = 60_000 / every
    const end = performance.now() + minutes * 60_000
    for (let round = 1; performance.now() < end; round += 1) {
      await sleep(every)
      await comeAndGo(stage.bus, `passing${round}`)
      const { size } = statSync(join(folder, 'data.mdb'))
      samples.push({ memory: await memory(host), file: size / MIB })
      if (scale === 'long' && samples.length % perMinute === 0)
        tell(samples.length / perMinute, samples.slice(-perMinute))
    }
    publisher.child.stdin?.end()
    await done([publisher])
    const status = await stage.quiet()
    const evidence = await stage.evidence()
    const missing = unhandled(evidence)
    const third = Math.ceil(samples.length / 3)
    const [, middle = [], last = []] = [0, 1, 2].map(at => samples.slice(at * third, (at + 1) * third))
    const most = (of: readonly Sample[], what: keyof Sample) => Math.max(...of.map(each => each[what]))
    const thirds = (what: keyof Sample) =>
      `${most(middle, what).toFixed(0)} then ${most(last, what).toFixed(0)}`
    const grown = (['memory', 'file'] as const).filter(
      what => scale === 'long' && most(last, what) > 1.1 * most(middle, what) + 4,
    )
    const letters = await stage.bus.deadLetters().list()
    return {
      accepted: evidence.taken,
      acked: status.acked,
      deadLettered: letters.length,
      waiting: status.pending + status.inFlight,
      dropped: status.dropped,
      lostWithHost: 0,
      lost: missing.length,
      duplicates: duplicates(evidence.handled),
      recovery: undefined,
      notes:
        `${samples.length * LETTERS} dead letters and ${samples.length} named subscriptions came and went; ` +
        `at most ${thirds('memory')} MB in memory, ${thirds('file')} MiB of file, in the second and third of three parts`,
      problems: [
        ...(missing.length > 0
          ? [`${missing.length} accepted and never handled, the first: ${missing[0] ?? ''}`]
          : []),
        ...grown.map(
          what => `${what} has grown: at most ${thirds(what)} in the second and third of three parts`,
        ),
        ...(letters.length > 0 ? [`${letters.length} dead letters are still there`] : []),
        ...wrongs(evidence, { repeats: 'none' }),
      ],
    }
  },
}

function tell(minute: number, samples: readonly Sample[]): void {
  const most = (what: keyof Sample) => Math.max(...samples.map(each => each[what])).toFixed(1)
  console.log(
    `  minute ${String(minute).padStart(2)}: at most ${most('memory').padStart(6)} MB in memory, ${most('file').padStart(6)} MiB of file`,
  )
}

/** A named subscription that gives up on all it gets, and then goes with all that. */
async function comeAndGo(bus: Bus, name: string): Promise<void> {
  const given = firstValueFrom(
    bus.topic('passing', { name, ack: 'manual' }).pipe(
      tap(message => message.reject('passing')),
      take(LETTERS),
      toArray(),
    ),
  )
  await bus.ready()
  const body = Buffer.alloc(BYTES)
  await Promise.all(Array.from({ length: LETTERS }, () => bus.publish('passing', body)))
  await given
  while ((await bus.deadLetters().list({ subscription: name })).length < LETTERS) await sleep(20)
  await bus.deadLetters().purge({ subscription: name })
  await bus.unsubscribe(name)
}
