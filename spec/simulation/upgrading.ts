import type { Dial } from '../../src/client/connection/dial-socket.js'
import { MsgvanError, type Bus } from '../../src/index.js'
import { PROTOCOL } from '../../src/wire/protocol.js'
import type { Cast } from './cast.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'upgraded'
const TOPIC = 'up'
/** Lost connections are noticed by then, and opened again. */
const FINISH_MS = 60_000

/** As a process that has an older msgvan: it greets a host by another protocol. */
export function olderDial(dial: Dial, isOlder: () => boolean): Dial {
  return (url, listener, patience) => {
    const channel = dial(url, listener, patience)
    return {
      get isOpen() {
        return channel.isOpen
      },
      send: (event, value) => {
        const isHello = event === 'hello' && isOlder()
        channel.send(event, isHello ? { ...(value as object), protocol: PROTOCOL - 1 } : value)
      },
      close: () => channel.close(),
    }
  }
}

/**
 * A process that has an older msgvan wants to join, and hears that it cannot: nothing of it comes in. Then it ends, and one
 * with this msgvan takes its place.
 */
export class Upgrading {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #got: unknown[] = []
  #refused = 0
  #open = 0
  #joined: { readonly bus: Bus; readonly process: VirtualProcess } | undefined

  constructor(stage: Stage, cast: Cast) {
    this.#stage = stage
    this.#cast = cast
  }

  async run(): Promise<void> {
    const { clock, random, trace } = this.#stage
    trace.count('older clients')
    const older = await this.#join('older', true)
    await clock.as(older.process, () => {
      older.bus.topic(TOPIC).subscribe({ error: () => undefined })
      this.#await(older.bus.publish(TOPIC, 'older'))
      this.#await(older.bus.ready())
    })
    await clock.advance(random.between(500, 3_000))
    await clock.as(older.process, () => void older.bus.close({ timeout: 500 }))
    this.#joined = await this.#join('newer', false)
    const { bus, process } = this.#joined
    await clock.as(process, () => void bus.topic(TOPIC).subscribe(({ payload }) => this.#got.push(payload)))
    await clock.advance(random.between(0, 500))
  }

  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    const { bus, process } = this.#joined ?? {}
    if (bus === undefined || process === undefined) return
    await clock.advance(FINISH_MS)
    if (this.#open > 0) books.violated(`an older client has ${this.#open} promises without an end`)
    if (this.#refused === 0) books.violated('an older client is not refused')
    await clock.as(process, () => void bus.publish(TOPIC, 'newer'))
    await clock.advance(5_000)
    if (this.#got.join() !== 'newer')
      books.violated(`in the place of an older client came ${this.#got.join()}`)
    await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  /** It is refused by its version, or its bus closes before it reaches the host. */
  #await(promise: Promise<unknown>): void {
    this.#open += 1
    promise.then(
      () => this.#stage.books.violated('a host serves a client of another protocol'),
      (error: unknown) => {
        this.#open -= 1
        const code = error instanceof MsgvanError ? error.code : String(error)
        if (!['MSGVAN_VERSION_MISMATCH', 'MSGVAN_CLOSED'].includes(code))
          this.#stage.books.violated(`an older client is refused with ${String(error)}`)
        this.#refused += 1
      },
    )
  }

  async #join(name: string, isOlder: boolean) {
    const { clock, network } = this.#stage
    const process = this.#cast.spawn(name)
    const dial = olderDial(network.dialFrom(process), () => isOlder)
    const bus = await clock.as(process, () => simBus(this.#stage, process, this.#cast.host.url, VAN, dial))
    if (bus === undefined) throw new Error(`${name} could not join`)
    return { bus, process }
  }
}
