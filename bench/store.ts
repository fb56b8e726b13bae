import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectNats } from '@nats-io/transport-node'
import { jetstream } from '@nats-io/jetstream'
import { van } from '../src/index.js'
import { connectEnds, stopEnds, streaming, type Ends } from './ends/stream.js'
import { kindNames, storeKinds, type Kind } from './peers/peer.js'
import { onStage, type Stage } from './peers/stage.js'
import { quick } from './support/flags.js'
import { interleave, type Contender } from './support/rounds.js'
import { printHead, printRates } from './support/table.js'

// What does it cost to keep on a disk what is acknowledged, and how fast is it read again? Publisher and subscriber are two
// processes, as in `pipe`; msgvan's host without a store runs beside the one with it.

const shape = { form: 'bytes', size: 100, topics: 8 } as const
const REPLAYED = quick ? 50_000 : 1_000_000
const ROUNDS = quick ? { warmUps: 1, rounds: 3 } : { warmUps: 2, rounds: 7 }

async function durable(stage: Stage): Promise<void> {
  const ends: Ends[] = []
  try {
    for (const kind of stage.present.keys()) ends.push(await connectEnds(stage, kind, shape, 'durable'))
    for (const window of [1_000, 10_000]) {
      const many = window.toLocaleString('en-US')
      console.log(`Buffers of 100 bytes, published, acknowledged and delivered; ${many} on their way`)
      printRates(
        await interleave(
          ends.map(each => streaming(each, shape, kindNames[each.kind], window)),
          ROUNDS,
        ),
        ends.map(({ kind }) => (kind === 'msgvan' ? 0.5 : kind === 'msgvan-store' ? undefined : 5)),
      )
      console.log()
    }
  } finally {
    await stopEnds(...ends)
  }
}

async function replay(stage: Stage): Promise<void> {
  const contenders: Contender[] = []
  for (const kind of ['msgvan-store', 'jetstream-file'] as const) {
    const port = stage.present.get(kind)
    if (port === undefined) continue
    await fill(stage, kind)
    contenders.push({ name: kindNames[kind], round: () => seconds(() => readAll(kind, port)) })
  }
  console.log(
    `${REPLAYED.toLocaleString('en-US')} kept messages of 100 bytes, read from the start by a new subscriber`,
  )
  printRates(await interleave(contenders, { warmUps: 1, rounds: 5 }), [undefined, 3])
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await run()
  return REPLAYED / ((performance.now() - began) / 1_000)
}

/** Its own subscriber makes JetStream's stream. */
async function fill(stage: Stage, kind: Kind): Promise<void> {
  const ends = await connectEnds(stage, kind, shape, 'replayed')
  try {
    const [publisher] = ends.publishers
    await publisher?.ask('prepare', shape)
    await publisher?.ask('publish', { count: REPLAYED, window: 1_000 })
  } finally {
    await stopEnds(ends)
  }
}

async function readAll(kind: 'msgvan-store' | 'jetstream-file', port: number): Promise<void> {
  let count = 0
  if (kind === 'msgvan-store') {
    const bus = van({ port, autoStart: false })
    await new Promise<void>(resolve => {
      bus.topic(/^replayed\./, { from: 'start' }).subscribe(() => {
        count += 1
        if (count === REPLAYED) resolve()
      })
    })
    await bus.close()
    return
  }
  const connection = await connectNats({ servers: `127.0.0.1:${port}`, reconnect: false })
  const consumer = await jetstream(connection).consumers.get('replayed')
  const messages = await consumer.consume({ max_messages: 10_000 })
  for await (const { seq } of messages) {
    count += 1
    if (seq === REPLAYED) break
  }
  if (count !== REPLAYED) throw new Error(`${kindNames[kind]}: ${count} of ${REPLAYED} came`)
  await connection.close()
}

printHead('With a store: messages a second that are on the disk when they are acknowledged')
const home = process.env['MSGVAN_HOME']
await onStage(storeKinds, async stage => {
  // This process is a client, too.
  process.env['MSGVAN_HOME'] = stage.home
  // First: JetStream reads a stream that holds nothing else, so msgvan's log is to hold nothing else.
  await replay(stage)
  await sleep(500)
  await durable(stage)
})
if (home === undefined) delete process.env['MSGVAN_HOME']
else process.env['MSGVAN_HOME'] = home
