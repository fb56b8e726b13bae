import type { Way } from './peers/asking.js'
import { kindNames, type Kind } from './peers/peer.js'
import { onStage } from './peers/stage.js'
import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How many values a second pass from an Observable that one process exposes to another one that observes it? Beside it, what
// one would write by hand: a topic to ask on and a topic to answer on, no end, no error, no unsubscribe.

const KINDS: readonly Kind[] = ['msgvan', 'nats', 'redis', 'socket.io']
const COUNT = quick ? 1_000 : 50_000

interface Pair {
  readonly name: string
  readonly source: Child
  readonly sink: Child
}

printHead('Remote observables: values a second from one process to another, through a host')
await onStage(KINDS, async ({ env, present }) => {
  const pairs: Pair[] = []
  const join = async (way: Way, port: number | undefined, name: string): Promise<void> => {
    const args = [way, String(port)]
    const pair = {
      name,
      source: new Child('ends/source.js', args, env),
      sink: new Child('ends/sink.js', args, env),
    }
    pairs.push(pair)
    await Promise.all([pair.source.ask('ready'), pair.sink.ask('ready')])
  }
  try {
    await join('observe', present.get('msgvan'), 'msgvan, observe')
    for (const [kind, port] of present) await join(kind, port, `${kindNames[kind]}, by hand`)
    for (const [title, count] of [
      ['100 bytes, so many at once as the source has', COUNT],
      ['one value for each question', 1],
    ] as const) {
      console.log(title)
      const contenders = pairs.map(({ name, sink }) => ({ name, round: () => asked(sink, count) }))
      printRates(await interleave(contenders, { warmUps: quick ? 1 : 4, rounds: quick ? 3 : 9 }))
      console.log()
    }
  } finally {
    await Promise.all(pairs.flatMap(({ source, sink }) => [source.stop(), sink.stop()]))
  }
})

/** Values a second; of single ones, asked for one after the other. */
async function asked(sink: Child, count: number): Promise<number> {
  if (count > 1) return sink.ask<number>('ask', count)
  const times = quick ? 20 : 500
  const began = performance.now()
  for (let time = 0; time < times; time += 1) await sink.ask('ask', 1)
  return (times / (performance.now() - began)) * 1_000
}
