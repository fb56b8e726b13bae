import { readFile } from 'node:fs/promises'
import { van, type Bus } from '../src/index.js'
import { quick } from './support/flags.js'
import { Host, inSandbox, type Sandbox } from './support/sandbox.js'
import { summarize } from './support/statistics.js'
import { printHead, printTable } from './support/table.js'

// How much memory does a host take that does nothing, beside a Node that does nothing? And each client that is connected
// and idle? Resident memory, as the system counts it, with garbage collected first.

const CLIENTS = quick ? 50 : 500
const SAMPLES = quick ? 3 : 9

/** A host that collects its garbage when it is told to, as does the Node beside it. */
const flags = ['--expose-gc', '--import', `data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())`]

async function residentBytes(pid: number): Promise<number> {
  const samples: number[] = []
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    process.kill(pid, 'SIGUSR2')
    await new Promise(resolve => setTimeout(resolve, 100))
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    if (kilobytes === undefined) throw new Error(`no resident memory to be read of process ${pid}`)
    samples.push(Number(kilobytes) * 1024)
  }
  return summarize(samples).median
}

async function bareNode(): Promise<number> {
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [...flags, '-e', "setInterval(()=>{},1e6);console.log('up')"], {
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

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`

printHead('Memory of a host that has nothing to do')
if (process.platform === 'linux') {
  await inSandbox(async sandbox => {
    const bare = await bareNode()
    const host = await Host.start(sandbox, flags)
    try {
      const idle = await residentBytes(host.pid)
      const buses = await clients(sandbox)
      const [first] = buses
      const { subscriptions } = (await first?.status()) ?? { subscriptions: [] }
      if (subscriptions.length !== CLIENTS)
        throw new Error(`${subscriptions.length} subscriptions, not ${CLIENTS}`)
      const withClients = await residentBytes(host.pid)
      await Promise.all(buses.map(bus => bus.close()))
      printTable([
        ['', 'resident', 'beside it'],
        ['a Node with nothing in it', megabytes(bare), ''],
        ['a host, idle', megabytes(idle), `+ ${megabytes(idle - bare)}`],
        [
          `… with ${CLIENTS} clients, one subscription each`,
          megabytes(withClients),
          `+ ${Math.round((withClients - idle) / CLIENTS / 1024)} kB each`,
        ],
      ])
    } finally {
      await host.stop()
    }
  })
} else console.log('  not run: reads resident memory from /proc, which this system has not')
