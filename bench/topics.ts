import { connectEnds, stopEnds, streaming, type Ends } from './ends/stream.js'
import { kindNames, type Kind } from './peers/peer.js'
import { onStage } from './peers/stage.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates, times } from './support/table.js'

// What is left of the rate with one topic when ten thousand come in turn?

const KINDS: readonly Kind[] = ['msgvan', 'nats']
const TOPICS = [1, 10_000]
const AT_LEAST = 0.7

const many = (count: number): string =>
  count === 1 ? 'one topic' : `${count.toLocaleString('en-US')} topics`

printHead('Through a host, by the number of topics in turn: messages a second')
await onStage(KINDS, async stage => {
  for (const kind of stage.present.keys()) {
    const ends: Ends[] = []
    try {
      // Connections of their own: what one has learnt of topics is nothing to the other.
      for (const topics of TOPICS) ends.push(await connectEnds(stage, kind, { form: 'bytes' }, `t${topics}`))
      const results = await interleave(
        ends.map((each, at) => {
          const topics = TOPICS[at] ?? 1
          return streaming(each, { form: 'bytes', size: 100, topics }, `${kindNames[kind]}, ${many(topics)}`)
        }),
        { warmUps: quick ? 2 : 6, rounds: quick ? 3 : 9 },
      )
      printRates(results)
      const [one, most] = results
      if (one !== undefined && most !== undefined)
        console.log(
          `  ${many(TOPICS[1] ?? 1)} in turn make ${times(most.median / one.median)} of one` +
            `${kind === 'msgvan' ? ` (wanted ${times(AT_LEAST)})` : ''}\n`,
        )
    } finally {
      await stopEnds(...ends)
    }
  }
})
