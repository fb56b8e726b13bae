import { connectEnds, stopEnds, streaming, type Ends } from './ends/stream.js'
import type { Kind } from './peers/peer.js'
import { onStage } from './peers/stage.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How many deliveries a second, where every message of one publisher goes to a hundred subscriptions in four processes?

const KINDS: readonly Kind[] = ['msgvan', 'nats']
const SUBSCRIBERS = 4
const SUBSCRIPTIONS = quick ? 5 : 25

printHead(
  `One publisher, ${SUBSCRIBERS * SUBSCRIPTIONS} subscriptions in ${SUBSCRIBERS} processes: deliveries a second`,
)
await onStage(KINDS, async stage => {
  const ends: Ends[] = []
  try {
    for (const kind of stage.present.keys())
      ends.push(
        await connectEnds(stage, kind, { form: 'bytes' }, 'fan', {
          subscribers: SUBSCRIBERS,
          subscriptions: SUBSCRIPTIONS,
        }),
      )
    const results = await interleave(
      ends.map(each => streaming(each, { form: 'bytes', size: 100, topics: 8 })),
      { warmUps: quick ? 2 : 6, rounds: quick ? 3 : 9 },
    )
    const each = SUBSCRIBERS * SUBSCRIPTIONS
    printRates(
      results.map(({ name, median, low, high }) => ({
        name,
        median: median * each,
        low: low * each,
        high: high * each,
      })),
      ends.map(({ kind }) => (kind === 'nats' ? 1 : undefined)),
    )
  } finally {
    await stopEnds(...ends)
  }
})
