import { Child } from './support/child.js'
import { quick } from './support/flags.js'
import { interleave, type Contender } from './support/rounds.js'
import { Host, inSandbox } from './support/sandbox.js'
import { printHead, printRates } from './support/table.js'

// How many messages a second pass from a publisher through a host to a subscriber, three processes in all, when every one
// of them is acknowledged on every hop? Beside it what one would build with socket.io alone.

/** A publisher waits for its promise this often; of socket.io's, as many are on their way at any time. */
const EVERY = 1_000

interface Ends {
  readonly publisher: Child
  readonly subscriber: Child
}

async function connect(kind: string, port: number, env: NodeJS.ProcessEnv): Promise<Ends> {
  const subscriber = new Child('pipe/subscriber.js', [kind, String(port)], env)
  const publisher = new Child('pipe/publisher.js', [kind, String(port)], env)
  await Promise.all([subscriber.ask('ready'), publisher.ask('ready')])
  return { publisher, subscriber }
}

function contender(name: string, { publisher, subscriber }: Ends, count: number): Contender {
  const round = async (): Promise<number> => {
    const all = subscriber.ask('expect', count)
    const start = performance.now()
    await Promise.all([publisher.ask('publish', { count, every: EVERY }), all])
    const seconds = (performance.now() - start) / 1_000
    const excess = await subscriber.ask<number>('excess')
    if (excess > 0) throw new Error(`${name}: ${excess} more messages arrived than were sent`)
    return count / seconds
  }
  return { name, round }
}

async function stop(ends: Ends | undefined): Promise<void> {
  await Promise.all([ends?.publisher.stop(), ends?.subscriber.stop()])
}

printHead(
  'Through a host: messages a second from a publisher to a subscriber, three processes, each message acknowledged',
)
console.log(`100-byte payloads, ${EVERY.toLocaleString('en-US')} on their way at most\n`)
await inSandbox(async sandbox => {
  const host = await Host.start(sandbox)
  const relay = new Child('pipe/relay.js')
  let msgvan: Ends | undefined
  let socketIo: Ends | undefined
  try {
    msgvan = await connect('msgvan', sandbox.port, sandbox.env)
    socketIo = await connect('socket.io', await relay.ask<number>('port'), sandbox.env)
    printRates(
      await interleave([
        contender('msgvan', msgvan, quick ? 50_000 : 300_000),
        contender('socket.io, emitWithAck', socketIo, quick ? 5_000 : 20_000),
      ]),
    )
  } finally {
    await Promise.all([stop(msgvan), stop(socketIo)])
    await Promise.all([relay.stop(), host.stop()])
  }
})
