import { Reception } from '../../src/host/reception.js'
import { version } from '../../src/index.js'
import { secret, van, type Stage } from './stage.js'
import type { Listening } from './network.js'
import type { Plan } from './plan.js'
import type { VirtualProcess } from './virtual-process.js'

/** The host of the simulation: the real one, from its reception on. */
export class SimHost implements Listening {
  readonly #reception: Reception

  /** @param processOf who has a pid */
  constructor(
    readonly process: VirtualProcess,
    stage: Stage,
    { sessionTtl }: Plan,
    processOf: (pid: number) => VirtualProcess | undefined,
  ) {
    this.#reception = new Reception({
      secret,
      sessionTtl,
      isGone: pid => processOf(pid)?.isDead ?? true,
      warn: text => stage.trace.say(process.name, () => text),
      hostStatus: () => ({
        id: process.name,
        pid: process.pid,
        version,
        port: 0,
        address: '',
        leader: false,
        capabilities: {},
        uptimeMs: stage.clock.now,
      }),
    })
  }

  get clients(): number {
    return this.#reception.clients
  }

  greet(channel: Parameters<Reception['greet']>[0]) {
    return this.#reception.greet(channel, '127.0.0.1')
  }

  status() {
    return this.#reception.broker(van).status()
  }

  close(): void {
    this.#reception.endSessions()
    void this.#reception.closeVans()
  }
}
