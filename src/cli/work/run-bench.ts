import { Subject } from 'rxjs/internal/Subject'
import { firstValueFrom } from 'rxjs/internal/firstValueFrom'
import { newId } from '../../message/new-id.js'
import type { Bus } from '../../bus/contract/bus.js'
import { RemoteError } from '../../errors.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'

export interface BenchOptions {
  count?: number
  size?: number
  json?: boolean
}

/** A van that other programs' patterns do not match. */
const VAN = 'msgvan-bench'
/** The number of publishes on their way at once. */
const UNDER_WAY = 10_000
const SINGLE = 1_000

interface Figures {
  readonly count: number
  readonly size: number
  readonly seconds: number
  readonly messagesPerSecond: number
  readonly megabytesPerSecond: number
  /** Of one message at a time, from `publish()` to its subscriber, in milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number }
  /** The host has a store: an acknowledged message is on its disk. */
  readonly stored: boolean
}

/** Runs `msgvan bench`. A file of its own, so that other commands do not load it. */
export async function bench(cli: Cli, globals: Globals, options: BenchOptions): Promise<number> {
  const { count = 200_000, size = 100, json = false } = options
  const apart = { ...globals, van: VAN }
  const { interrupt } = cli
  const publisher = await openBus(cli, apart)
  const subscriber = await openBus(cli, apart)
  const interrupted = new Promise<undefined>(resolve => {
    interrupt.signal.addEventListener('abort', () => resolve(undefined))
  })
  try {
    const figures = await Promise.race([measure(publisher, subscriber, count, size), interrupted])
    if (figures === undefined) return interrupt.exitCode ?? Exit.Error
    await (json ? cli.output.json(JSON.stringify(figures)) : cli.output.lines(linesOf(figures)))
    return Exit.Done
  } finally {
    await Promise.all([publisher, subscriber].map(bus => bus.close({ drain: false })))
  }
}

async function measure(publisher: Bus, subscriber: Bus, count: number, size: number): Promise<Figures> {
  const latency = await latencies(publisher, subscriber, Math.min(SINGLE, count), size)
  const seconds = await throughput(publisher, subscriber, count, size)
  const { log } = await publisher.status()
  return {
    count,
    size,
    seconds: round(seconds, 3),
    messagesPerSecond: Math.round(count / seconds),
    megabytesPerSecond: round((count * size) / seconds / 1e6, 1),
    latency,
    stored: log !== undefined,
  }
}

/** From the first publish until all are acknowledged and delivered. */
async function throughput(publisher: Bus, subscriber: Bus, count: number, size: number): Promise<number> {
  const topic = `bench.${newId()}`
  const receipt = new Receipt(size)
  const subscription = subscriber.topic(topic).subscribe(({ payload }) => receipt.take(payload))
  await subscriber.ready()
  const all = receipt.has(count)
  const began = performance.now()
  await Promise.all([publishAll(publisher, topic, count, size), all])
  const ended = performance.now()
  subscription.unsubscribe()
  return (ended - began) / 1_000
}

async function publishAll(publisher: Bus, topic: string, count: number, size: number): Promise<void> {
  for (let sent = 0; sent < count;) {
    const batch = Math.min(UNDER_WAY, count - sent)
    const first = sent
    const published = Array.from({ length: batch }, (_, at) =>
      publisher.publish(topic, numbered(first + at, size)),
    )
    await Promise.all(published)
    sent += batch
  }
}

async function latencies(
  publisher: Bus,
  subscriber: Bus,
  count: number,
  size: number,
): Promise<Figures['latency']> {
  const topic = `bench.${newId()}`
  const receipt = new Receipt(size)
  const subscription = subscriber.topic(topic).subscribe(({ payload }) => receipt.take(payload))
  await subscriber.ready()
  const took: number[] = []
  for (let sent = 0; sent < count; sent += 1) {
    const here = receipt.has(sent + 1)
    const began = performance.now()
    await Promise.all([publisher.publish(topic, numbered(sent, size)), here])
    took.push(performance.now() - began)
  }
  subscription.unsubscribe()
  took.sort((a, b) => a - b)
  const at = (part: number): number =>
    round(took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? 0, 3)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Checks each received message: a figure for lost or mixed-up messages is worthless. */
class Receipt {
  readonly #size: number
  readonly #came = new Subject<number>()
  #count = 0
  #wanted = Infinity

  constructor(size: number) {
    this.#size = size
  }

  has(count: number): Promise<unknown> {
    this.#wanted = count
    return firstValueFrom(this.#came)
  }

  take(payload: unknown): void {
    if (!Buffer.isBuffer(payload) || payload.length !== this.#size || payload.readDoubleLE(0) !== this.#count)
      return this.#came.error(
        new RemoteError(`Message ${this.#count} is not what was published. Please report this.`),
      )
    this.#count += 1
    if (this.#count === this.#wanted) this.#came.next(this.#count)
  }
}

function numbered(number: number, size: number): Buffer {
  const payload = Buffer.alloc(size)
  payload.writeDoubleLE(number, 0)
  return payload
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

function linesOf({ count, size, messagesPerSecond, megabytesPerSecond, latency, stored }: Figures): string[] {
  const number = (value: number): string => value.toLocaleString('en')
  return [
    `${number(count)} messages of ${number(size)} bytes, published, acknowledged${stored ? ' when they are on the disk' : ''} and delivered:`,
    `  ${number(messagesPerSecond)} messages a second, ${number(megabytesPerSecond)} MB a second`,
    'one at a time, from publish() until it is acknowledged and its subscriber has it:',
    `  ${latency.p50} ms in the middle, ${latency.p99} ms for 99 of 100, ${latency.max} ms at most`,
  ]
}
