import { connectEnds, stopEnds, streaming, type Ends } from './ends/stream.js'
import type { Kind } from './peers/peer.js'
import { onStage } from './peers/stage.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How many messages a second, where twenty processes publish and one subscribes?

const KINDS: readonly Kind[] = ['msgvan', 'nats', 'redis']
const PUBLISHERS = quick ? 4 : 20

printHead(`${PUBLISHERS} publishing processes, one subscriber: messages a second`)
await onStage(KINDS, async stage => {
  const ends: Ends[] = []
  try {
    for (const kind of stage.present.keys())
      ends.push(await connectEnds(stage, kind, { form: 'bytes' }, 'fan', { publishers: PUBLISHERS }))
    printRates(
      await interleave(
        ends.map(each => streaming(each, { form: 'bytes', size: 100, topics: 8 })),
        { warmUps: quick ? 2 : 6, rounds: quick ? 3 : 9 },
      ),
    )
  } finally {
    await stopEnds(...ends)
  }
})
