import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { connectEnds, stopEnds, streaming } from './ends/stream.js'
import type { Dimension } from './growth/runner.js'
import { onStage } from './peers/stage.js'
import { drawChart, type Line } from './support/chart.js'
import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { summarize } from './support/statistics.js'
import { printHead, printTable, rate } from './support/table.js'

// How does the rate change with the number of patterns, topics and subscribers in one process, and of connections to a host? A run that is
// not a short one draws it: growth.svg.

const COUNTS = quick ? [1, 10, 100] : [1, 2, 4, 10, 40, 100, 400, 1_000, 4_000, 10_000]
/** A connection is a file to the host, and another one to the process that has the clients: as many as the system lets each have. */
const connections = async (): Promise<number[]> => {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const most = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? 1_024)
  return COUNTS.filter(count => count + OTHER_FILES <= most)
}
const OTHER_FILES = 200
const ROUND_MS = quick ? 50 : 250
const ROUNDS = quick ? 2 : 5
const chart = fileURLToPath(new URL('../../bench/growth.svg', import.meta.url))

async function inProcess(dimension: Dimension): Promise<Line['points']> {
  const points: [number, number][] = []
  for (const count of COUNTS) {
    const child = new Child('growth/runner.js', [dimension, String(count)])
    try {
      const samples: number[] = []
      for (let round = -2; round < ROUNDS; round += 1) {
        const sample = await child.ask<number>('round', ROUND_MS)
        if (round >= 0) samples.push(sample)
      }
      points.push([count, summarize(samples).median])
    } finally {
      await child.stop()
    }
  }
  return points
}

/** One publisher and one subscriber beside so many clients that are idle, itself counted. */
function byConnections(): Promise<Line['points']> {
  return onStage(['msgvan'], async stage => {
    const shape = { form: 'bytes', size: 100, topics: 8 } as const
    const ends = await connectEnds(stage, 'msgvan', shape, 'growth')
    const idle = new Child('growth/idle-clients.js', [], stage.env)
    try {
      const contender = streaming(ends, shape)
      for (let round = 0; round < (quick ? 2 : 8); round += 1) await contender.round()
      const points: [number, number][] = []
      for (const count of await connections()) {
        await idle.ask('upTo', count)
        const samples: number[] = []
        for (let round = 0; round < ROUNDS; round += 1) samples.push(await contender.round())
        points.push([count, summarize(samples).median])
      }
      return points
    } finally {
      await idle.stop()
      await stopEnds(ends)
    }
  })
}

printHead('How the rate grows: deliveries a second')
const lines: Line[] = [
  { name: 'patterns, one matches', points: await inProcess('patterns') },
  { name: 'topics in turn', points: await inProcess('topics') },
  { name: 'subscribers to each', points: await inProcess('subscribers') },
  { name: 'connections to a host', points: await byConnections() },
]
printTable([
  ['', ...lines.map(({ name }) => name)],
  ...COUNTS.map((count, at) => [
    count.toLocaleString('en-US'),
    ...lines.map(({ points }) => (points[at] === undefined ? '' : rate(points[at][1]))),
  ]),
])
if (!quick)
  await writeFile(
    chart,
    drawChart('msgvan: deliveries a second', 'how many of them', 'deliveries a second', lines),
  )
