import type { Dial } from '../../src/client/connection/dial-socket.js'
import type { Channel, ChannelListener, DialListener } from '../../src/wire/channel.js'
import type { HostEvents } from '../../src/wire/protocol.js'
import { Line } from './line.js'
import type { Random } from './random.js'
import type { Trace } from './trace.js'
import type { VirtualClock } from './virtual-clock.js'
import type { VirtualProcess } from './virtual-process.js'

/** Whoever clients reach, by its URL. */
export interface Listening {
  /** Undefined while nobody is there. */
  readonly process: VirtualProcess | undefined
  greet(channel: Channel<HostEvents>): ChannelListener
}

export interface Latency {
  readonly least: number
  readonly most: number
}

/** Lines between clients and their host, and what befalls them. */
export class Network {
  latency: Latency = { least: 0, most: 2 }
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #trace: Trace
  readonly #lines = new Set<Line>()
  readonly #listening = new Map<string, Listening>()
  readonly #hosts = new Map<VirtualProcess, VirtualProcess>()
  readonly #troubles = new Map<VirtualProcess, number>()
  /** Who cannot connect for now. */
  readonly #isolated = new Set<VirtualProcess>()

  constructor(clock: VirtualClock, random: Random, trace: Trace) {
    this.#clock = clock
    this.#random = random
    this.#trace = trace
  }

  listen(url: string, host: Listening): void {
    this.#listening.set(url, host)
  }

  /** The host that it was connected to last. */
  hostOf(process: VirtualProcess): VirtualProcess | undefined {
    return this.#hosts.get(process)
  }

  dialFrom(process: VirtualProcess): Dial {
    return (url, listener) => this.#dial(process, url, listener)
  }

  /** The line breaks. What was on its way is lost from some point on; each side notices in its own time. */
  cut(process: VirtualProcess): void {
    this.#trace.say(process.name, () => 'LINK is cut')
    this.#trouble(process, 'cuts', line => line.cut(() => this.#random.between(0, 20)))
  }

  /** One direction swallows everything; both sides notice much later. */
  blackHole(process: VirtualProcess): void {
    const direction = this.#random.pick(['toHost', 'toClient'] as const)
    this.#trace.say(process.name, () => `LINK swallows everything ${direction}`)
    this.#trouble(process, 'black holes', line =>
      line.swallow(direction, () => this.#random.between(100, 2_000)),
    )
  }

  /** Nothing arrives for a while, nothing is lost. */
  stall(process: VirtualProcess): void {
    // Sometimes for so long that the other side must think that it is stopped.
    const isLong = this.#random.chance(0.1)
    const milliseconds = isLong ? this.#random.between(2_000, 6_000) : this.#random.between(20, 800)
    this.#trace.say(process.name, () => `LINK stands still for ${milliseconds} ms`)
    this.#trouble(process, 'stalls', line => line.stall(milliseconds))
  }

  isolate(process: VirtualProcess, milliseconds: number): void {
    this.#isolated.add(process)
    this.#trace.say(process.name, () => `LINK cannot be opened for ${milliseconds} ms`)
    this.#clock.schedule(milliseconds, () => this.#isolated.delete(process), process)
  }

  /** The system closes what a dead process had open, after what it had sent. */
  died(process: VirtualProcess): void {
    this.#isolated.delete(process)
    for (const line of [...this.#lines].filter(line => line.isOf(process))) {
      this.#troubled(line.process)
      line.cut(() => this.#random.between(0, 5))
    }
  }

  /** How often its lines were in trouble by now; undefined while one is, or stands still for so long that it may pass for one. */
  troublesOf(process: VirtualProcess): number | undefined {
    if (this.#linesOf(process).some(line => line.isLost || line.isLate)) return undefined
    return this.#troubles.get(process) ?? 0
  }

  /** It has a line that is neither lost nor stands still. */
  isInTouch(process: VirtualProcess): boolean {
    return this.#linesOf(process).some(line => line.client.isOpen && !line.isLost && !line.isLate)
  }

  heal(): void {
    this.#isolated.clear()
  }

  #trouble(process: VirtualProcess, what: string, line: (line: Line) => void): void {
    this.#troubled(process)
    for (const each of this.#linesOf(process)) {
      this.#trace.count(what)
      line(each)
    }
  }

  #troubled(process: VirtualProcess): void {
    this.#troubles.set(process, (this.#troubles.get(process) ?? 0) + 1)
  }

  /** Those that it has opened. */
  #linesOf(process: VirtualProcess): Line[] {
    return [...this.#lines].filter(line => line.process === process)
  }

  #dial(process: VirtualProcess, url: string, listener: DialListener): Channel<object> {
    const host = this.#listening.get(url)
    const line: Line = new Line({
      clock: this.#clock,
      latency: () => this.#random.between(this.latency.least, this.latency.most),
      survivors: count => this.#random.between(0, count),
      client: process,
      over: () => this.#lines.delete(line),
    })
    const delay = this.#random.between(this.latency.least, this.latency.most) + 1
    this.#clock.schedule(delay, () => {
      const there = host?.process
      if (host === undefined || there === undefined || there.isDead || this.#isolated.has(process))
        line.refuse(listener)
      else {
        this.#lines.add(line)
        this.#hosts.set(process, there)
        line.open(listener, there, channel => host.greet(channel))
      }
    })
    return line.client
  }
}
