import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { interleave, type Contender } from './support/rounds.js'
import { Host, inSandbox, msgvanMain, type Sandbox } from './support/sandbox.js'
import { printHead, printTable } from './support/table.js'
import { quick } from './support/flags.js'

// How long does it take from van() to the first message, with this machine's host running and with one to be started? And
// `msgvan pub`, beside a Node that does nothing?

const program = fileURLToPath(new URL('start/first-delivery.js', import.meta.url))
const run = promisify(execFile)

interface Times {
  readonly imported: number
  readonly delivered: number
}

async function firstDelivery({ env }: Sandbox): Promise<Times> {
  const child = fork(program, [], { env })
  const gone = once(child, 'exit')
  const early = gone.then(([code]) => Promise.reject(new Error(`the program ended with ${String(code)}`)))
  const [times] = (await Promise.race([once(child, 'message'), early])) as [Times]
  early.catch(() => undefined)
  await gone
  return times
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`

printHead('Time to the first message')
await inSandbox(async sandbox => {
  const { env, port } = sandbox
  const stop = () => run(process.execPath, [msgvanMain, 'stop'], { env })
  const contenders: Contender[] = [
    {
      name: 'van() to first delivery, a host to be started',
      round: async () => {
        const { delivered } = await firstDelivery(sandbox)
        await stop()
        return delivered
      },
    },
  ]
  const results = await interleave(contenders)
  const host = await Host.start(sandbox)
  try {
    let delivered = 0
    results.push(
      ...(await interleave(
        [
          {
            name: "import 'msgvan'",
            round: async () => {
              const times = await firstDelivery(sandbox)
              delivered = times.delivered
              return times.imported
            },
          },
          { name: 'van() to first delivery, a host running', round: () => Promise.resolve(delivered) },
          { name: 'node -e 0', round: () => timed(() => run(process.execPath, ['-e', '0'])) },
          {
            name: 'msgvan pub',
            round: () =>
              timed(() =>
                run(process.execPath, [msgvanMain, 'pub', 't', '1', '--port', String(port)], { env }),
              ),
          },
        ],
        quick ? {} : { warmUps: 2, rounds: 15 },
      )),
    )
  } finally {
    await host.stop()
  }
  printTable([
    ['', 'median', 'lowest', 'highest'],
    ...results.map(({ name, median, low, high }) => [name, ...[median, low, high].map(milliseconds)]),
  ])
})
