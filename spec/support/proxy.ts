import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'
import { dialSocket, type Dial } from '../../src/client/connection/dial-socket.js'
import { tcpEnds } from '../../src/wire/connection-ends.js'

/** What a proxy does to all that passes, from the start. */
export interface LinkFaults {
  /** Every byte takes so long, in milliseconds, in both directions. */
  readonly delay?: number
  /** Asked for each connection: after so many bytes, both directions together, it is cut in the middle of whatever it is. */
  readonly cutAfter?: () => number
  readonly onCut?: () => void
}

/** By the ends that a client sees: the connection to the host of the proxy between. */
const beyond = new Map<string, Socket>()
const ports = new Set<number>()

/** A proxy listens there. */
export function isProxy(port: number): boolean {
  return ports.has(port)
}

/** A client that knows of the proxies between: it signs the ends that the host sees, which no other program could do. */
export const throughProxies =
  (dial: Dial = dialSocket()): Dial =>
  (url, listener, timeoutMs) =>
    dial(
      url,
      {
        opened: ends => {
          const host = beyond.get(ends ?? '')
          const signed = host === undefined ? ends : endsOf(host)
          // The connection beyond has just been cut, and this one ends with it.
          if (host === undefined || signed !== undefined) listener.opened(signed)
        },
        event: (name, value) => listener.event(name, value),
        ended: end => listener.ended(end),
      },
      timeoutMs,
    )

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string | undefined {
  return tcpEnds({ address: localAddress, port: localPort }, { address: remoteAddress, port: remotePort })
}

/** A TCP proxy in front of a host, which can be cut: connections die at once, and new ones are refused until it is mended. */
export class Proxy {
  readonly #server: Server
  readonly #target: number
  readonly #faults: LinkFaults
  readonly #sockets = new Set<Socket>()
  readonly #hosts = new Set<Socket>()
  readonly #clients = new Set<Socket>()
  readonly #silenced = new Set<Socket>()
  #isCut = false
  connections = 0

  private constructor(target: number, faults: LinkFaults) {
    this.#target = target
    this.#faults = faults
    this.#server = createServer(socket => this.#join(socket))
  }

  static async to(target: number, faults: LinkFaults = {}): Promise<Proxy> {
    const proxy = new Proxy(target, faults)
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    ports.add(proxy.port)
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Silenced connections that nobody has given up yet. */
  get silenced(): number {
    return this.#silenced.size
  }

  /** Connections that pass right now. */
  get open(): number {
    return this.#clients.size
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  mend(): void {
    this.#isCut = false
  }

  /** What one side sends is held back from now on, on the connections that are there; what the other side sends passes. */
  silence(side: 'hosts' | 'clients' = 'hosts'): void {
    for (const socket of side === 'hosts' ? this.#hosts : this.#clients) {
      this.#silenced.add(socket)
      socket.unpipe()
      socket.pause()
    }
  }

  async close(): Promise<void> {
    this.cut()
    ports.delete(this.port)
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  #join(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy()
      return
    }
    this.connections++
    const { delay = 0, cutAfter } = this.#faults
    const host = connect(this.#target, '127.0.0.1')
    this.#hosts.add(host)
    this.#clients.add(client)
    const { remoteAddress, remotePort, localAddress, localPort } = client
    const seen =
      tcpEnds({ address: remoteAddress, port: remotePort }, { address: localAddress, port: localPort }) ?? ''
    beyond.set(seen, host)
    client.once('close', () => beyond.delete(seen))
    const cut = (): void => {
      this.#faults.onCut?.()
      for (const socket of [client, host]) socket.resetAndDestroy()
    }
    const budget = cutAfter === undefined ? undefined : new Budget(cutAfter(), cut)
    for (const [one, other] of [
      [client, host],
      [host, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        for (const set of [this.#sockets, this.#hosts, this.#clients, this.#silenced]) set.delete(one)
        if (delay === 0) other.destroy()
        else setTimeout(() => other.destroy(), delay)
      })
      if (delay > 0) one.pipe(new Delay(delay)).pipe(other)
      else if (budget !== undefined) one.pipe(new Metered(budget)).pipe(other)
      else one.pipe(other)
    }
  }
}

class Delay extends Transform {
  constructor(readonly ms: number) {
    super()
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    setTimeout(() => {
      if (!this.destroyed) this.push(chunk)
    }, this.ms)
    done()
  }

  override _flush(done: TransformCallback): void {
    setTimeout(done, this.ms)
  }
}

/** What a connection may carry yet. */
class Budget {
  constructor(
    public left: number,
    readonly used: () => void,
  ) {}

  /** How many of so many bytes pass. */
  take(bytes: number): number {
    const passing = Math.min(bytes, this.left)
    this.left -= passing
    // When what passed has gone on.
    if (this.left === 0 && passing > 0) setImmediate(this.used)
    return passing
  }
}

class Metered extends Transform {
  constructor(readonly budget: Budget) {
    super()
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.push(chunk.subarray(0, this.budget.take(chunk.length)))
    done()
  }
}
