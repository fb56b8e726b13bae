import { connectEnds, paced, stopEnds, streaming, type Ends } from './ends/stream.js'
import { kindNames, type Kind } from './peers/peer.js'
import { onStage, type Stage } from './peers/stage.js'
import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { summarize } from './support/statistics.js'
import { printHead, printTable } from './support/table.js'

// How long from a ping to its pong, by way of a host and another process, one at a time; with nothing else to do, and beside
// a stream of half of what this kind can carry? And what does a request cost beside two publishes?

const KINDS: readonly Kind[] = ['msgvan', 'socket.io', 'nats', 'redis']
const PINGS = quick ? 100 : 1_000
const ROUNDS = quick ? 2 : 7
const WARM_UPS = quick ? 1 : 4
const SHAPE = { form: 'bytes', size: 100, topics: 8 } as const

interface Players {
  readonly kind: Kind
  readonly echo: Child
  readonly pinger: Child
  readonly stream: Ends
  readonly idle: number[][]
  readonly loaded: number[][]
  /** Requests; empty for a kind without them. */
  readonly asked: number[][]
}

async function join(stage: Stage, kind: Kind): Promise<Players> {
  const args = [kind, String(stage.present.get(kind)), 'bytes']
  const echo = new Child('ends/echo.js', args, stage.env)
  const pinger = new Child('ends/pinger.js', args, stage.env)
  await Promise.all([echo.ask('ready'), pinger.ask('ready')])
  return {
    kind,
    echo,
    pinger,
    stream: await connectEnds(stage, kind, SHAPE, 'load'),
    idle: [],
    loaded: [],
    asked: [],
  }
}

const quantile = (sorted: readonly number[], at: number): number =>
  sorted[Math.floor(sorted.length * at)] ?? NaN

/** Of each round its quantile, and of these the median. */
function cells(rounds: readonly number[][]): string[] {
  return [0.5, 0.99].flatMap(at => {
    const { median, low, high } = summarize(
      rounds.map(round =>
        quantile(
          round.toSorted((a, b) => a - b),
          at,
        ),
      ),
    )
    return [`${Math.round(median)} µs`, `${Math.round(low)}…${Math.round(high)}`]
  })
}

printHead('Round trip, ping and pong through a host, 100 bytes')
await onStage(KINDS, async stage => {
  const all: Players[] = []
  try {
    for (const kind of stage.present.keys()) all.push(await join(stage, kind))
    const most = new Map<Kind, number>()
    for (const { kind, stream } of all) {
      const contender = streaming(stream, SHAPE)
      for (let i = 0; i < (quick ? 3 : 8); i += 1) most.set(kind, await contender.round())
    }
    for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
      for (const { kind, pinger, stream, idle, loaded, asked } of all) {
        const quiet = await pinger.ask<number[]>('ping', PINGS)
        const answered = await pinger.ask<number[] | undefined>('request', PINGS)
        const load = paced(stream, SHAPE, (most.get(kind) ?? 0) / 2)
        const busy = await pinger.ask<number[]>('ping', PINGS)
        await load.stop()
        if (round < 0) continue
        idle.push(quiet)
        if (answered !== undefined) asked.push(answered)
        loaded.push(busy)
      }
    }
    const head = ['p50', 'rounds', 'p99', 'rounds']
    for (const [title, rounds] of [
      ['idle', (each: Players) => each.idle],
      ['request and answer, idle', (each: Players) => each.asked],
      ['at half load', (each: Players) => each.loaded],
    ] as const) {
      console.log(title)
      printTable([
        ['', ...head, 'load, messages/s'],
        ...all
          .filter(each => rounds(each).length > 0)
          .map(each => [
            kindNames[each.kind],
            ...cells(rounds(each)),
            title !== 'at half load'
              ? ''
              : Math.round((most.get(each.kind) ?? 0) / 2).toLocaleString('en-US'),
          ]),
      ])
      console.log()
    }
  } finally {
    await Promise.all(all.flatMap(({ echo, pinger }) => [echo.stop(), pinger.stop()]))
    await stopEnds(...all.map(({ stream }) => stream))
  }
})
