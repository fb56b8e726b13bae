import { join } from 'node:path'
import { van, type Bus } from '../src/index.js'
import { quick } from './support/flags.js'
import { collecting, megabytes, residentBytes } from './support/resident.js'
import { Host, inSandbox, type Sandbox } from './support/sandbox.js'
import { printHead, printTable } from './support/table.js'

// How much memory does a host take for very many subscriptions, for messages that wait, and for topics that nobody ever uses
// again? Each in a host of its own.

const SUBSCRIPTIONS = quick ? 5_000 : 100_000
const WAITING = quick ? 20_000 : 1_000_000
const TOPICS = quick ? 200_000 : 10_000_000
/** By then a host's caches of topics are full. */
const TOPICS_FIRST = quick ? 100_000 : 1_000_000
const WINDOW = 1_000

interface Row {
  readonly what: string
  readonly resident: number
  readonly beside: string
  readonly wanted: string
}

async function withHost(
  run: (host: Host, bus: Bus) => Promise<Row>,
  { hasStore = false } = {},
): Promise<Row> {
  return inSandbox(async (sandbox: Sandbox) => {
    process.env['MSGVAN_HOME'] = sandbox.env['MSGVAN_HOME']
    const store = hasStore ? { MSGVAN_STORE: join(sandbox.home, 'store') } : {}
    const host = await Host.start({ ...sandbox, env: { ...sandbox.env, ...store } }, collecting)
    const bus = van({ port: sandbox.port, autoStart: false })
    try {
      await bus.ready()
      return await run(host, bus)
    } finally {
      await bus.close({ drain: false })
      await host.stop()
    }
  })
}

async function publish(bus: Bus, from: number, to: number, topic: (i: number) => string): Promise<void> {
  const payload = Buffer.alloc(100, 1)
  for (let i = from; i < to; i += 1) {
    const published = bus.publish(topic(i), payload)
    if (i % WINDOW === WINDOW - 1) await published
  }
  await bus.publish(topic(to), payload)
}

const many = (count: number): string => count.toLocaleString('en-US')

async function statusOf(
  bus: Bus,
  wanted: (status: Awaited<ReturnType<Bus['status']>>) => boolean,
  what: string,
) {
  const status = await bus.status()
  if (!wanted(status)) throw new Error(`${what}: ${JSON.stringify(status.counters)}`)
}

const subscriptions = (): Promise<Row> =>
  withHost(async (host, bus) => {
    const before = await residentBytes(host.pid)
    for (let i = 0; i < SUBSCRIPTIONS; i += 1) bus.topic(new RegExp(`^orders\\.${i}\\.`)).subscribe()
    await bus.ready()
    await statusOf(bus, status => status.subscriptions.length === SUBSCRIPTIONS, 'not all were subscribed')
    const resident = await residentBytes(host.pid)
    return {
      what: `${many(SUBSCRIPTIONS)} subscriptions, each with its pattern`,
      resident,
      beside: `+ ${Math.round((resident - before) / SUBSCRIPTIONS)} bytes each`,
      wanted: 'under 300 MB',
    }
  })

async function nobodyWorks(bus: Bus): Promise<void> {
  const first = bus.topic('jobs', { name: 'workers', maxPending: 2 * WAITING }).subscribe()
  await bus.ready()
  first.unsubscribe()
  await bus.ready()
}

const waiting = (): Promise<Row> =>
  withHost(async (host, bus) => {
    const before = await residentBytes(host.pid)
    await nobodyWorks(bus)
    await publish(bus, 0, WAITING - 1, () => 'jobs')
    await statusOf(bus, ({ subscriptions: [only] }) => only?.pending === WAITING, 'not all wait')
    const resident = await residentBytes(host.pid)
    return {
      what: `${many(WAITING)} messages of 100 bytes, waiting`,
      resident,
      beside: `+ ${Math.round((resident - before) / WAITING)} bytes each`,
      wanted: 'under 300 MB',
    }
  })

const waitingInStore = (): Promise<Row> =>
  withHost(
    async (host, bus) => {
      await nobodyWorks(bus)
      const some = WAITING / 10
      await publish(bus, 0, some - 1, () => 'jobs')
      const before = await residentBytes(host.pid)
      await publish(bus, some, WAITING - 1, () => 'jobs')
      await statusOf(bus, ({ subscriptions: [only] }) => only?.pending === WAITING, 'not all wait')
      const resident = await residentBytes(host.pid)
      return {
        what: `${many(WAITING)} messages of 100 bytes, waiting in a store`,
        resident,
        beside: `+ ${megabytes(resident - before)} since the first ${many(some)}`,
        wanted: 'no growth',
      }
    },
    { hasStore: true },
  )

const topics = (): Promise<Row> =>
  withHost(async (host, bus) => {
    let received = 0
    bus.topic(/^t\./).subscribe(() => (received += 1))
    await bus.ready()
    const topic = (i: number): string => `t.${i}.of-its-own`
    await publish(bus, 0, TOPICS_FIRST, topic)
    const before = await residentBytes(host.pid)
    await publish(bus, TOPICS_FIRST + 1, TOPICS, topic)
    const resident = await residentBytes(host.pid)
    await bus.close()
    if (received !== TOPICS + 1) throw new Error(`${received} messages came of ${TOPICS + 1}`)
    return {
      what: `${many(TOPICS)} different topics, each used once`,
      resident,
      beside: `+ ${megabytes(resident - before)} since the first ${many(TOPICS_FIRST)}`,
      wanted: 'no growth',
    }
  })

printHead('Memory of a host')
if (process.platform === 'linux') {
  const rows: Row[] = []
  for (const measure of [subscriptions, waiting, waitingInStore, topics]) rows.push(await measure())
  printTable([
    ['', 'resident', 'of which', 'wanted'],
    ...rows.map(({ what, resident, beside, wanted }) => [what, megabytes(resident), beside, wanted]),
  ])
} else console.log('  not run: reads resident memory from /proc, which this system has not')
