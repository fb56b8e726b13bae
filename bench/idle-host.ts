import { van, type Bus } from '../src/index.js'
import { quick } from './support/flags.js'
import { collecting, megabytes, residentBytes } from './support/resident.js'
import { Host, inSandbox, type Sandbox } from './support/sandbox.js'
import { printHead, printTable } from './support/table.js'

// How much memory does a host take that does nothing, beside a Node that does nothing? And each client that is connected
// and idle? Resident memory, as the system counts it, with garbage collected first.

const CLIENTS = quick ? 50 : 500

async function bareNode(): Promise<number> {
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [...collecting, '-e', "setInterval(()=>{},1e6);console.log('up')"], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await new Promise(resolve => child.stdout.once('data', resolve))
    return await residentBytes(child.pid ?? 0)
  } finally {
    child.kill('SIGKILL')
  }
}

async function clients({ port, env }: Sandbox): Promise<Bus[]> {
  process.env['MSGVAN_HOME'] = env['MSGVAN_HOME']
  const buses: Bus[] = []
  for (let client = 0; client < CLIENTS; client += 1) {
    const bus = van({ port, autoStart: false })
    bus.topic(`idle.${client}`).subscribe()
    await bus.ready()
    buses.push(bus)
  }
  return buses
}

printHead('Memory of a host that has nothing to do')
if (process.platform === 'linux') {
  await inSandbox(async sandbox => {
    const bare = await bareNode()
    const host = await Host.start(sandbox, collecting)
    try {
      const idle = await residentBytes(host.pid)
      // What connecting itself leaves behind stays with the heap, to be used again: it is not any client's.
      await Promise.all((await clients(sandbox)).map(bus => bus.close()))
      const wasBusy = await residentBytes(host.pid)
      const buses = await clients(sandbox)
      const [first] = buses
      const { subscriptions } = (await first?.status()) ?? { subscriptions: [] }
      if (subscriptions.length !== CLIENTS)
        throw new Error(`${subscriptions.length} subscriptions, not ${CLIENTS}`)
      const withClients = await residentBytes(host.pid)
      await Promise.all(buses.map(bus => bus.close()))
      printTable([
        ['', 'resident', 'beside it', 'wanted'],
        ['a Node with nothing in it', megabytes(bare), '', ''],
        ['a host, idle', megabytes(idle), `+ ${megabytes(idle - bare)}`, ''],
        [
          `… after ${CLIENTS} clients have come and gone`,
          megabytes(wasBusy),
          `+ ${megabytes(wasBusy - idle)}`,
          '',
        ],
        [
          `… with ${CLIENTS} clients, one subscription each`,
          megabytes(withClients),
          `+ ${Math.round((withClients - wasBusy) / CLIENTS / 1024)} kB each`,
          '< 50 kB each',
        ],
      ])
    } finally {
      await host.stop()
    }
  })
} else console.log('  not run: reads resident memory from /proc, which this system has not')
