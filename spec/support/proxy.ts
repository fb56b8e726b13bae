import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A TCP proxy in front of a host, which can be cut: connections die at once, and new ones are refused until it is mended. */
export class Proxy {
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  readonly #hosts = new Set<Socket>()
  #isCut = false
  connections = 0

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer(socket => this.#join(socket))
  }

  static async to(target: number): Promise<Proxy> {
    const proxy = new Proxy(target)
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  mend(): void {
    this.#isCut = false
  }

  /** What hosts send is held back from now on, on the connections that are there; what clients send passes. */
  silence(): void {
    for (const host of this.#hosts) {
      host.unpipe()
      host.pause()
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  #join(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy()
      return
    }
    this.connections++
    const host = connect(this.#target, '127.0.0.1')
    this.#hosts.add(host)
    host.on('close', () => this.#hosts.delete(host))
    for (const [one, other] of [
      [client, host],
      [host, client],
    ] as const) {
      this.#sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
