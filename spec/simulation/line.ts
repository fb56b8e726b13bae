import type { Channel, ChannelEnd, ChannelListener, DialListener } from '../../src/wire/channel.js'
import type { VirtualClock } from './virtual-clock.js'
import type { VirtualProcess } from './virtual-process.js'

export interface LineOptions {
  readonly clock: VirtualClock
  readonly client: VirtualProcess
  /** Of the next thing sent, in milliseconds. */
  readonly latency: () => number
  /** How many of so many on their way still arrive when the line breaks: the first ones. */
  readonly survivors: (count: number) => number
  /** Neither side holds it open any more. */
  readonly over: () => void
}

interface InFlight {
  isLost: boolean
}

/** What goes in one direction: in order, until it breaks. */
class Way {
  readonly #options: LineOptions
  /** Undefined as long as the line is not open. */
  receiver: VirtualProcess | undefined
  #inFlight: InFlight[] = []
  #isBroken = false
  #lastArrival = 0

  constructor(options: LineOptions, receiver?: VirtualProcess) {
    this.#options = options
    this.receiver = receiver
  }

  send(arrive: () => void): void {
    if (this.#isBroken) return
    const { clock, latency } = this.#options
    this.#lastArrival = Math.max(this.#lastArrival, clock.now + latency())
    const sent: InFlight = { isLost: false }
    this.#inFlight.push(sent)
    const arrived = (): void => {
      this.#inFlight.shift()
      if (!sent.isLost) arrive()
    }
    clock.schedule(this.#lastArrival - clock.now, arrived, this.receiver)
  }

  break(): void {
    this.#isBroken = true
    const survivors = this.#options.survivors(this.#inFlight.length)
    for (const lost of this.#inFlight.slice(survivors)) lost.isLost = true
  }

  stall(milliseconds: number): void {
    this.#lastArrival = Math.max(this.#lastArrival, this.#options.clock.now + milliseconds)
  }

  /** Milliseconds until the last of what is on its way is there. */
  get lag(): number {
    return Math.max(0, this.#lastArrival - this.#options.clock.now)
  }
}

/** One side's hold on a line. */
class End implements Channel<object> {
  isOpen = false
  isOver = false
  listener: ChannelListener | undefined

  constructor(
    readonly way: Way,
    /** Whose end it is. */
    readonly holder: () => VirtualProcess | undefined,
    readonly other: () => End,
    readonly over: () => void,
  ) {}

  send(event: string, value: unknown): void {
    // A process that is killed says nothing any more, whatever it was about to.
    if (!this.isOpen || this.holder()?.isDead === true) return
    // As on a real line: what is sent is what it was at that moment, and nothing of it is shared.
    const sent = value instanceof Uint8Array ? value.slice() : structuredClone(value)
    this.way.send(() => this.other().#heard(event, sent))
  }

  close(): void {
    if (this.isOver) return
    this.#finish()
    if (this.holder()?.isDead === true) return
    this.way.send(() => this.other().ended({ why: 'closed the connection', byPeer: true }))
  }

  ended(end: ChannelEnd): void {
    if (this.isOver) return
    this.#finish()
    this.listener?.ended(end)
  }

  #heard(event: string, value: unknown): void {
    if (!this.isOver) this.listener?.event(event, value)
  }

  #finish(): void {
    this.isOpen = false
    this.isOver = true
    this.over()
  }
}

/** One connection between a client and a host. */
export class Line {
  /** Broken, whether its sides have noticed or not. */
  isLost = false
  readonly client: End
  readonly #host: End
  readonly #options: LineOptions
  readonly #toHost: Way
  readonly #toClient: Way

  constructor(options: LineOptions) {
    this.#options = options
    this.#toHost = new Way(options)
    this.#toClient = new Way(options, options.client)
    const over = (): void => {
      if (this.client.isOver && this.#host.isOver) options.over()
    }
    const host = () => this.#toHost.receiver
    this.client = new End(
      this.#toHost,
      () => options.client,
      () => this.#host,
      over,
    )
    this.#host = new End(this.#toClient, host, () => this.client, over)
  }

  /** What is sent to the host now takes a second or more. */
  get isLate(): boolean {
    return this.#toHost.lag >= 1_000
  }

  get process(): VirtualProcess {
    return this.#options.client
  }

  isOf(process: VirtualProcess): boolean {
    return this.#options.client === process || this.#toHost.receiver === process
  }

  refuse(listener: DialListener): void {
    this.client.listener = listener
    this.client.ended({ why: 'cannot be reached', byPeer: false })
  }

  /** The client is through: its host hears of it, and it of its host. */
  open(
    listener: DialListener,
    host: VirtualProcess,
    greet: (channel: Channel<object>) => ChannelListener,
  ): void {
    if (this.client.isOver) return
    this.client.listener = listener
    this.#toHost.receiver = host
    this.#host.isOpen = true
    this.#options.clock.schedule(
      0,
      () => {
        this.#host.listener = greet(this.#host)
      },
      host,
    )
    this.#toClient.send(() => {
      if (this.client.isOver) return
      this.client.isOpen = true
      listener.opened('a line')
    })
  }

  /** @param notice how long a side takes to see it, each for itself */
  cut(notice: () => number): void {
    this.#toHost.break()
    this.#toClient.break()
    this.#lose(notice)
  }

  swallow(direction: 'toHost' | 'toClient', notice: () => number): void {
    if (direction === 'toHost') this.#toHost.break()
    else this.#toClient.break()
    this.#lose(notice)
  }

  stall(milliseconds: number): void {
    this.#toHost.stall(milliseconds)
    this.#toClient.stall(milliseconds)
  }

  #lose(notice: () => number): void {
    this.isLost = true
    const { clock, client } = this.#options
    const lost: ChannelEnd = { why: 'was lost', byPeer: false }
    clock.schedule(this.#toClient.lag + notice(), () => this.client.ended(lost), client)
    clock.schedule(this.#toHost.lag + notice(), () => this.#host.ended(lost), this.#toHost.receiver)
  }
}
