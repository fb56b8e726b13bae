import { drawManner, goodManner } from './manner.js'
import { drawRules, type Plan } from './plan.js'
import type { Rules } from './account.js'
import { SimClient } from './sim-client.js'
import { SimHost } from './sim-host.js'
import type { Stage } from './stage.js'
import { VirtualProcess } from './virtual-process.js'

/** All who take part: a host, its clients that come and go, and an observer whom no trouble befalls. */
export class Cast {
  readonly #stage: Stage
  readonly #plan: Plan
  readonly #processes: VirtualProcess[] = []
  readonly #closing: Promise<void>[] = []
  #clients: SimClient[] = []
  #host: SimHost | undefined
  #observer: SimClient | undefined
  #unnamed = 0

  constructor(stage: Stage, plan: Plan) {
    this.#stage = stage
    this.#plan = plan
  }

  async gather(): Promise<void> {
    const { clock, network, random } = this.#stage
    const process = this.#process('host')
    const processOf = (pid: number) => this.#processes[pid - 1]
    this.#host = await clock.as(process, () => new SimHost(process, this.#stage, this.#plan, processOf))
    network.host = this.#host
    this.#observer = await this.#newClient('observer')
    for (let made = 0; made < this.#plan.clients; made += 1) await this.join()
    for (const rules of this.#plan.named) await this.subscribe(random.pick(this.#clients), rules)
  }

  get host(): SimHost {
    if (this.#host === undefined) throw new Error('there is no host yet')
    return this.#host
  }

  get observer(): SimClient {
    if (this.#observer === undefined) throw new Error('there is no observer yet')
    return this.#observer
  }

  /** Those that are there. */
  get clients(): readonly SimClient[] {
    this.#clients = this.#clients.filter(({ isGone }) => !isGone)
    return this.#clients
  }

  async join(): Promise<void> {
    const client = await this.#newClient(`c${this.#processes.length - 1}`)
    if (client !== undefined) this.#clients.push(client)
  }

  /** @param rules default: of a new one without a name */
  async subscribe(client: SimClient | undefined, rules = this.#drawUnnamed()): Promise<void> {
    const { random } = this.#stage
    if (client !== undefined)
      await this.as(client, () => client.subscribe(rules, drawManner(random, this.#plan.troubles)))
  }

  /** Everybody does as they should, and the observer takes what nobody else does. */
  async behave(): Promise<void> {
    for (const client of this.clients)
      await this.as(client, () => {
        for (const member of client.members) member.behave()
      })
    for (const rules of this.#plan.named)
      await this.as(this.observer, () => this.observer.subscribe(rules, goodManner))
  }

  rest(isResting: boolean): void {
    for (const { members } of [...this.clients, this.observer])
      for (const member of members) member.rest(isResting)
  }

  async close(client: SimClient, drain: boolean): Promise<void> {
    await this.as(client, () => this.#closing.push(client.close(drain)))
  }

  /** @returns how many times `close()` has not come to its end, though nobody died of it */
  async stillClosing(): Promise<number> {
    let left = this.#closing.length
    for (const closing of this.#closing)
      closing.then(
        () => (left -= 1),
        (error: unknown) => this.#stage.books.violated(`close() failed: ${String(error)}`),
      )
    await this.#stage.clock.advance(1_000)
    return left - this.#processes.filter(({ isDead }) => isDead).length
  }

  as<T>(client: SimClient, run: () => T): Promise<T | undefined> {
    return this.#stage.clock.as(client.process, run)
  }

  #drawUnnamed(): Rules {
    this.#unnamed += 1
    return drawRules(this.#stage.random, undefined, `u${this.#unnamed}`)
  }

  #newClient(name: string): Promise<SimClient | undefined> {
    const process = this.#process(name)
    return this.#stage.clock.as(process, () => new SimClient(process, this.#stage, this.#plan.client))
  }

  #process(name: string): VirtualProcess {
    const process = new VirtualProcess(name, this.#processes.length + 1)
    this.#processes.push(process)
    return process
  }
}
