import { onStage } from './peers/stage.js'
import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { interleave, type Contender } from './support/rounds.js'
import { printHead, printTable, rate } from './support/table.js'

// How many messages a second pass a subscription that is ordered by key, beside one without an order? One publisher, one host, one
// subscriber, three processes. Few keys wait for the verdict on the message before; many do not.

const ROUND_SECONDS = quick ? 0.2 : 0.7

interface Way {
  readonly name: string
  readonly keys: number
  readonly ordered: 'key' | 'none'
  readonly atLeast?: number
}

const ways: readonly Way[] = [
  { name: 'no order, no keys', keys: 0, ordered: 'none' },
  { name: 'no order, 100,000 keys', keys: 100_000, ordered: 'none' },
  { name: 'by key, 100,000 keys', keys: 100_000, ordered: 'key', atLeast: 0.8 },
  { name: 'by key, 1,000 keys', keys: 1_000, ordered: 'key' },
  { name: 'by key, 10 keys', keys: 10, ordered: 'key' },
  { name: 'by key, no keys', keys: 0, ordered: 'key' },
]

printHead('Order by key: messages of 100 bytes a second from a publisher to a subscriber, three processes')
await onStage(['msgvan'], async ({ env, present }) => {
  const children: Child[] = []
  const contenders: Contender[] = []
  try {
    for (const [at, { name, keys, ordered }] of ways.entries()) {
      const port = String(present.get('msgvan'))
      const sink = new Child('ends/key-sink.js', [port, `t${at}`, ordered], env)
      const source = new Child('ends/key-source.js', [port, `t${at}`], env)
      children.push(sink, source)
      await Promise.all([sink.ask('ready'), source.ask('ready')])
      let count = 1_000
      const round = async (): Promise<number> => {
        await sink.ask('expect', { count, keys })
        const start = performance.now()
        await Promise.all([source.ask('publish', { count, keys }), sink.ask('received')])
        const perSecond = (count / (performance.now() - start)) * 1_000
        count = Math.max(100, Math.round(perSecond * ROUND_SECONDS))
        return perSecond
      }
      contenders.push({ name, round })
    }
    const results = await interleave(contenders, { warmUps: quick ? 3 : 6, rounds: quick ? 5 : 9 })
    const [first] = results
    printTable([
      ['', 'messages/s', 'lowest', 'highest', 'of the first', 'wanted'],
      ...results.map(({ name, median, low, high }, at) => [
        name,
        rate(median),
        rate(low),
        rate(high),
        (median / (first?.median ?? 1)).toFixed(2),
        ways[at]?.atLeast?.toFixed(2) ?? '',
      ]),
    ])
  } finally {
    await Promise.all(children.map(child => child.stop()))
  }
})
