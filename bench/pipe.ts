import type { Shape } from './ends/payload.js'
import { connectEnds, stopEnds, streaming, type Ends } from './ends/stream.js'
import { kinds, type Kind } from './peers/peer.js'
import { onStage, type Stage } from './peers/stage.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// How many messages a second pass from a publisher through a host to a subscriber, three processes in all? msgvan
// acknowledges every one of them on every hop.

/** What msgvan is to make of each at 100 bytes and with objects, in the order of `kinds`. */
const AT_LEAST: Readonly<Partial<Record<Kind, number>>> = {
  nats: 1.2,
  redis: 4,
  mqtt: 20,
  jetstream: 20,
  'socket.io': 15,
}
const SIZES = [16, 1_024, 16 * 1_024, 256 * 1_024]

async function compare(stage: Stage, shapes: readonly (Shape & { title: string; wanted: boolean })[]) {
  const [{ form } = { form: 'bytes' as const }] = shapes
  const ends: Ends[] = []
  try {
    for (const kind of stage.present.keys()) ends.push(await connectEnds(stage, kind, { form }, form))
    for (const { title, wanted, ...shape } of shapes) {
      console.log(title)
      const results = await interleave(
        ends.map(each => streaming(each, shape)),
        quick ? { warmUps: 2, rounds: 3 } : { warmUps: wanted ? 6 : 3, rounds: wanted ? 9 : 5 },
      )
      printRates(results, wanted ? ends.map(({ kind }) => AT_LEAST[kind]) : [])
      console.log()
    }
  } finally {
    await stopEnds(...ends)
  }
}

const bytes = (size: number) => (size < 1_024 ? `${size} bytes` : `${size / 1_024} KiB`)

printHead('Through a host: messages a second from a publisher to a subscriber, three processes')
await onStage(kinds, async stage => {
  await compare(stage, [
    { title: 'Buffers of 100 bytes', form: 'bytes', size: 100, topics: 8, wanted: true },
    ...SIZES.map(size => ({
      title: `Buffers of ${bytes(size)}`,
      form: 'bytes' as const,
      size,
      topics: 8,
      wanted: false,
    })),
  ])
  await compare(stage, [
    {
      title: 'Small objects (to peers that carry only bytes, as JSON)',
      form: 'object',
      size: 100,
      topics: 8,
      wanted: true,
    },
  ])
})
