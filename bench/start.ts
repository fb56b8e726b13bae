import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connectLocal } from '../src/daemon/connect.js'
import { createBus } from '../src/bus/create-bus.js'
import { quick } from './support/flags.js'
import { install, type Installed } from './support/installed.js'
import { interleave, type Result } from './support/rounds.js'
import { inSandbox, type Sandbox } from './support/sandbox.js'
import { printHead, printTable } from './support/table.js'

// How long does it take from `import 'msgvan'` to the first message, with this machine's host running and with one to be
// started? And `msgvan pub`, beside a Node that does nothing? With msgvan as it is when it is installed.

const run = promisify(execFile)
let rounds = 0

interface Times {
  readonly imported: number
  readonly delivered: number
}

/** Of a process of its own. Both from its first line on. */
async function firstDelivery(program: string, { env }: Sandbox): Promise<Times> {
  const sent = `hello ${(rounds += 1)}`
  const child = fork(program, [sent], { env })
  const gone = once(child, 'exit')
  const early = gone.then(([code]) => Promise.reject(new Error(`the program ended with ${String(code)}`)))
  const [said] = (await Promise.race([once(child, 'message'), early])) as [Times & { payload: unknown }]
  early.catch(() => undefined)
  await gone
  if (said.payload !== sent) throw new Error(`${sent} was sent, and ${String(said.payload)} came`)
  return said
}

/** `msgvan pub`, from its start to its end. Fails if what it published does not come. */
function publishing({ main }: Installed, { env, port, home }: Sandbox): PublishBench {
  process.env['MSGVAN_HOME'] = home
  const bus = createBus('default', connectLocal({ van: 'default', port, autoStart: false }))
  let arrived: (payload: unknown) => void = () => undefined
  bus.topic('published').subscribe(({ payload }) => arrived(payload))
  return {
    ready: () => bus.ready(),
    round: async () => {
      const sent = `hello ${(rounds += 1)}`
      const arrival = new Promise<unknown>(resolve => {
        arrived = resolve
      })
      const took = await timed(() => run(process.execPath, [main, 'pub', 'published', sent], { env }))
      const came = await arrival
      if (came !== sent) throw new Error(`${sent} was published, and ${String(came)} came`)
      return took
    },
    close: () => bus.close(),
  }
}

interface PublishBench {
  ready(): Promise<void>
  round(): Promise<number>
  close(): Promise<void>
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

const milliseconds = (value: number): string => `${value.toFixed(0)} ms`

function print(results: readonly Result[]): void {
  const idle = results.find(({ name }) => name === 'node -e 0')?.median ?? NaN
  const wanted: Readonly<Record<string, number>> = {
    '… to the first delivery, a host running': 150,
    '… to the first delivery, a host to be started': 600,
    'msgvan pub': 1.5 * idle + 100,
  }
  printTable([
    ['', 'median', 'lowest', 'highest', 'wanted'],
    ...results.map(({ name, median, low, high }) => [
      name,
      ...[median, low, high].map(milliseconds),
      wanted[name] === undefined ? '' : `≤ ${milliseconds(wanted[name])}`,
    ]),
  ])
}

printHead('Time to the first message')
await inSandbox(async sandbox => {
  const msgvan = await install(join(sandbox.home, 'app'))
  const program = await msgvan.program('start/first-delivery.js')
  const control = (command: string) => run(process.execPath, [msgvan.main, command], { env: sandbox.env })
  const cold = {
    name: '… to the first delivery, a host to be started',
    round: async () => {
      const { delivered } = await firstDelivery(program, sandbox)
      await control('stop')
      return delivered
    },
  }
  const results = await interleave([cold])

  await control('start')
  const pub = publishing(msgvan, sandbox)
  try {
    await pub.ready()
    let delivered = NaN
    const warm = [
      {
        name: "import 'msgvan'",
        round: async () => {
          const times = await firstDelivery(program, sandbox)
          delivered = times.delivered
          return times.imported
        },
      },
      { name: '… to the first delivery, a host running', round: () => Promise.resolve(delivered) },
      { name: 'node -e 0', round: () => timed(() => run(process.execPath, ['-e', '0'])) },
      { name: 'msgvan pub', round: () => pub.round() },
    ]
    const [imported, ...others] = await interleave(warm, quick ? {} : { warmUps: 2, rounds: 15 })
    if (imported !== undefined) print([imported, ...others.slice(0, 1), ...results, ...others.slice(1)])
  } finally {
    await pub.close()
    await control('stop')
  }
})
