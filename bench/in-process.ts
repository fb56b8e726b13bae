import { contenderNames } from './in-process/contenders.js'
import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { interleave, type Result } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How many messages a second pass from publish() to a subscriber in one process?
// Each contender has a process of its own, so that none warms up or spoils the code of another.

const ROUND_MS = quick ? 100 : 400

async function measure(patterns: number, topics: number): Promise<Result[]> {
  const children = contenderNames.map(name => ({
    name,
    child: new Child('in-process/runner.js', [name, String(patterns), String(topics)]),
  }))
  try {
    return await interleave(
      children.map(({ name, child }) => ({ name, round: () => child.ask<number>('round', ROUND_MS) })),
    )
  } finally {
    await Promise.all(children.map(({ child }) => child.stop()))
  }
}

printHead('In one process: messages a second from publish() to one subscriber')
for (const [patterns, topics] of [
  [1, 8],
  [1_000, 8],
  [1_000, 100_000],
] as const) {
  console.log(
    `${patterns.toLocaleString('en-US')} pattern${patterns === 1 ? '' : 's'}, one of them matches; ${topics.toLocaleString('en-US')} topics in turn`,
  )
  printRates(await measure(patterns, topics))
  console.log()
}
