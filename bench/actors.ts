import { once } from 'node:events'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { firstValueFrom } from 'rxjs'
import { moduleRef, van, type ActorOptions, type ActorRef, type Bus } from '../src/index.js'
import { quick } from './support/flags.js'
import { collecting, megabytes, residentBytes } from './support/resident.js'
import { interleave } from './support/rounds.js'
import { Host, inSandbox } from './support/sandbox.js'
import { summarize } from './support/statistics.js'
import { printHead, printRates, printTable, rate } from './support/table.js'

// How long does an actor take to be made, in a thread and in a process? How many questions a second does one answer, beside
// a bare worker thread that is posted messages? What does each of many take? And does nothing get lost in a chain of them?

const CREATIONS = quick ? 5 : 30
const ASKS = quick ? 200 : 2_000
/** Some 20 MB each: a machine with less than 24 GB takes fewer. */
const MANY = quick ? 20 : Number(process.env['BENCH_ACTORS'] ?? 1_000)
const CHAIN = 10
const CHAIN_MESSAGES = quick ? 200 : 2_000
const LONG_CHAIN = quick ? 20 : 250
/** Made at once. */
const AT_ONCE = 4

const token = 'the token of the hosts of a bench'
const module = fileURLToPath(new URL('ends/actors.js', import.meta.url))

const create = (bus: Bus, name: string, options?: ActorOptions): Promise<ActorRef> =>
  bus.actors.create(moduleRef(`file://${module}`, name), options)

async function creation(bus: Bus, isolation: 'thread' | 'process'): Promise<number[]> {
  const times: number[] = []
  for (let at = 0; at < CREATIONS; at += 1) {
    const began = performance.now()
    const actor = await create(bus, 'Echo', { isolation })
    times.push(performance.now() - began)
    await actor.stop()
  }
  return times.sort((a, b) => a - b)
}

/** So many round trips at once, and a new one for each that is back. @returns round trips a second */
async function roundTrips(ask: (value: number) => Promise<unknown>, atOnce: number): Promise<number> {
  const began = performance.now()
  let next = 0
  const one = async (): Promise<void> => {
    while (next < ASKS) {
      const value = next++
      const answer = await ask(value)
      if (answer !== value) throw new Error(`${String(answer)} came back, not ${value}`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return (ASKS / (performance.now() - began)) * 1_000
}

/** The least there is between two threads: a value posted, and posted back. */
async function bareWorker(): Promise<{ ask(value: number): Promise<unknown>; stop(): Promise<unknown> }> {
  const echo = `const { parentPort } = require('node:worker_threads')
    parentPort.on('message', value => parentPort.postMessage(value))`
  const worker = new Worker(echo, { eval: true })
  await once(worker, 'online')
  const waiting: ((value: unknown) => void)[] = []
  worker.on('message', value => waiting.shift()?.(value))
  return {
    ask: value =>
      new Promise(resolve => {
        waiting.push(resolve)
        worker.postMessage(value)
      }),
    stop: () => worker.terminate(),
  }
}

async function chain(
  bus: Bus,
  name: string,
  length: number,
): Promise<{ first: ActorRef; last: ActorRef; all: ActorRef[] }> {
  const all: ActorRef[] = []
  for (let at = 0; at < length; at += 1) {
    const next = all.at(-1)
    all.push(await create(bus, name, { args: next === undefined ? {} : { next } }))
  }
  const [last] = all
  const first = all.at(-1)
  if (first === undefined || last === undefined) throw new Error('a chain of none')
  return { first, last, all }
}

async function relay(bus: Bus): Promise<number> {
  const { first, last, all } = await chain(bus, 'Relay', CHAIN)
  const began = performance.now()
  await Promise.all(Array.from({ length: CHAIN_MESSAGES }, (_, at) => first.tell(at)))
  for (;;) {
    const { count, isInOrder } = await firstValueFrom(last.ask<{ count: number; isInOrder: boolean }>(null))
    if (!isInOrder) throw new Error('the chain mixed up the order')
    if (count === CHAIN_MESSAGES) break
  }
  const seconds = (performance.now() - began) / 1_000
  await Promise.all(all.map(actor => actor.stop()))
  return seconds
}

/** Other traffic all the while. @returns what came out, and how long one took */
async function add(bus: Bus): Promise<{ sum: number; ms: number }> {
  const { first, all } = await chain(bus, 'Adder', LONG_CHAIN)
  const noise = { goesOn: true }
  let got = 0
  const traffic = bus.topic('traffic').subscribe(() => {
    got += 1
  })
  await bus.ready()
  const publishing = (async () => {
    while (noise.goesOn) await bus.publish('traffic', got)
  })()
  const began = performance.now()
  const sum = await firstValueFrom(first.ask<number>(0, { timeout: 120_000 }))
  const ms = performance.now() - began
  noise.goesOn = false
  await publishing
  traffic.unsubscribe()
  if (sum !== LONG_CHAIN || got === 0) throw new Error(`${sum} came out of a chain of ${LONG_CHAIN}`)
  await Promise.all(all.map(actor => actor.stop()))
  return { sum, ms }
}

async function many(bus: Bus, pid: number): Promise<readonly string[][]> {
  const before = await residentBytes(pid)
  const began = performance.now()
  let left = MANY
  const all: ActorRef[] = []
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) all.push(await create(bus, 'Echo'))
    }),
  )
  const seconds = (performance.now() - began) / 1_000
  const answers = await Promise.all(
    all.map((actor, at) => firstValueFrom(actor.ask(at, { timeout: 120_000 }))),
  )
  if (answers.some((answer, at) => answer !== at)) throw new Error('not everybody answered')
  const after = await residentBytes(pid)
  await Promise.all(all.map(actor => actor.stop()))
  return [
    [`${MANY} actors in threads: each`, megabytes((after - before) / MANY)],
    ['all made and asked in', `${seconds.toFixed(0)} s`],
  ]
}

const ms = (value: number): string => `${value.toFixed(0)} ms`

/** A host that has joined, and alone offers `other`. */
async function joined<T>(leader: number, run: () => Promise<T>): Promise<T> {
  return inSandbox(async sandbox => {
    const host = await Host.start(
      { ...sandbox, env: { ...sandbox.env, MSGVAN_TOKEN: token } },
      [],
      ['--join', `127.0.0.1:${leader}`, '--capabilities', '{"other":true}', '--root', dirname(module)],
    )
    try {
      return await run()
    } finally {
      await host.stop()
    }
  })
}

printHead('Actors')
await inSandbox(async sandbox => {
  const { port, env } = sandbox
  process.env['MSGVAN_HOME'] = env['MSGVAN_HOME']
  const host = await Host.start({ ...sandbox, env: { ...env, MSGVAN_TOKEN: token } }, collecting, [
    '--leader',
  ])
  const bus = van({ port, autoStart: false })
  try {
    await bus.ready()
    const rows = [['made and ready for messages', 'p50', 'lowest', 'highest']]
    for (const isolation of ['thread', 'process'] as const) {
      const { median, low, high } = summarize(await creation(bus, isolation))
      rows.push([`in a ${isolation}`, ms(median), ms(low), ms(high)])
    }
    printTable(rows)

    const actor = await create(bus, 'Echo')
    const bare = await bareWorker()
    const ask = (value: number): Promise<unknown> => firstValueFrom(actor.ask(value))
    await joined(port, async () => {
      while ((await bus.status()).hosts.length < 2) await new Promise(resolve => setTimeout(resolve, 50))
      const far = await create(bus, 'Echo', { requires: { other: true } })
      const askFar = (value: number): Promise<unknown> => firstValueFrom(far.ask(value))
      for (const atOnce of [1, 64]) {
        console.log(`\n  round trips a second, ${atOnce} at once`)
        printRates(
          await interleave([
            { name: 'bare worker thread', round: () => roundTrips(value => bare.ask(value), atOnce) },
            { name: 'ask', round: () => roundTrips(ask, atOnce) },
            { name: 'ask on another host', round: () => roundTrips(askFar, atOnce) },
          ]),
        )
      }
      await far.stop()
    })
    await bare.stop()
    await actor.stop()

    console.log('')
    const seconds = await relay(bus)
    const { sum, ms: took } = await add(bus)
    const rows2 = [
      [`${CHAIN_MESSAGES} messages down a chain of ${CHAIN}, in order`, `${seconds.toFixed(2)} s`],
      ['… messages a second', rate((CHAIN_MESSAGES * CHAIN) / seconds)],
      [`a chain of ${LONG_CHAIN}, each asking the next, beside other traffic`, `${sum}`],
      ['… took', ms(took)],
    ]
    if (process.platform === 'linux') rows2.push(...(await many(bus, host.pid)).map(row => [...row]))
    printTable(rows2)
  } finally {
    await bus.close()
    await host.stop()
  }
})
