import { Convention } from './convention.js'
import { drawManner, goodManner } from './manner.js'
import { drawRules, type Plan } from './plan.js'
import type { Rules } from './account.js'
import type { Acted } from './sim-actors.js'
import { SimClient } from './sim-client.js'
import { SimDisk, type DiskTrouble } from './sim-disk.js'
import type { SimHost } from './sim-host.js'
import type { Place } from './place.js'
import type { Stage } from './stage.js'
import { VirtualProcess } from './virtual-process.js'

/** All who take part: a host that may end and be started again, its clients that come and go, and an observer whom no trouble befalls. */
export class Cast {
  readonly #stage: Stage
  readonly #plan: Plan
  readonly #processes: VirtualProcess[] = []
  readonly #closing: { readonly client: SimClient; isOver: boolean }[] = []
  #clients: SimClient[] = []
  readonly #everybody: SimClient[] = []
  /** Who starts hosts again. */
  readonly #operator: VirtualProcess
  #convention: Convention | undefined
  #observer: SimClient | undefined
  #unnamed = 0
  /** How often the host has been started by now. */
  hostStarts = 0
  /** What the workers of actors do, if there are any. */
  acted: Acted | undefined
  /** What its log says. */
  readonly warnings: string[] = []
  /** Nothing goes wrong for now. */
  isCalm = false

  constructor(stage: Stage, plan: Plan) {
    this.#stage = stage
    this.#plan = plan
    this.#operator = this.spawn('operator')
  }

  async gather(): Promise<void> {
    const { random } = this.#stage
    this.#convention = new Convention(this.#stage, this.#plan, {
      spawn: name => this.spawn(name),
      processOf: pid => this.#processes[pid - 1],
      clients: () => this.#everybody,
      disk: (place, killed) => this.#newDisk(place, killed),
      operator: this.#operator,
      leaderStarted: () => {
        this.hostStarts += 1
      },
      leaderWarned: text => void this.warnings.push(text),
      acted: () => this.acted,
    })
    this.#convention.start()
    await this.#stage.clock.advance(1)
    this.#observer = await this.#newClient('observer', this.convention.leading)
    for (let made = 0; made < this.#plan.clients; made += 1) await this.join()
    for (const rules of this.#plan.named) await this.subscribe(random.pick(this.#clients), rules)
  }

  get convention(): Convention {
    if (this.#convention === undefined) throw new Error('there is no host yet')
    return this.#convention
  }

  /** It leads, or is the only one. */
  get host(): SimHost {
    return this.convention.leader
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

  /** Those that are there, and do not stand still. */
  get awake(): readonly SimClient[] {
    return this.clients.filter(({ process }) => process.blockedUntil <= this.#stage.clock.now)
  }

  killHost(): void {
    this.convention.kill(this.host)
  }

  restartHost(isOther = this.#stage.random.chance(0.3)): void {
    this.convention.restart(isOther)
  }

  stopHost(): void {
    this.convention.stop(this.host)
  }

  mendDisks(): void {
    for (const disk of this.convention.disks) disk.trouble = undefined
  }

  /** Everything that was taken from them is back: the host, its disk. */
  async heal(): Promise<void> {
    const { clock } = this.#stage
    this.isCalm = true
    this.mendDisks()
    for (let tries = 0; tries < 150 && !this.convention.isUp; tries += 1) {
      this.convention.start()
      await clock.advance(100)
    }
  }

  /** @param place where it connects, by default any */
  async join(
    place = this.#stage.random.pick(this.convention.places) ?? this.convention.leading,
  ): Promise<SimClient | undefined> {
    const client = await this.#newClient(`c${this.#processes.length - 1}`, place)
    if (client !== undefined) this.#clients.push(client)
    return client
  }

  /** @param rules default: of a new one without a name */
  async subscribe(
    client: SimClient | undefined,
    rules = this.drawUnnamed(),
    manner = drawManner(this.#stage.random, this.#plan.troubles),
  ): Promise<void> {
    // What `repeat` would do with a replay is not said here.
    const isSimple =
      rules.from === undefined || !['retry', 'take', 'creation', 'combined', 'loop'].includes(manner.style)
    const how = isSimple ? manner : { ...manner, style: 'auto' as const }
    const partner = how.style === 'combined' ? this.#drawPartner(rules) : undefined
    if (client !== undefined)
      await this.as(client, () => client.subscribe(rules, how, partner && live(partner)))
  }

  /** Another subscription for the same pipeline, or none. */
  #drawPartner({ name }: Rules): Rules | undefined {
    const { random } = this.#stage
    if (random.chance(0.3)) return undefined
    if (name === undefined) return this.drawUnnamed(0)
    return random.pick(this.#plan.named.filter(each => each.name !== name))
  }

  troubleDisk(trouble: DiskTrouble | undefined): void {
    const { trace, random } = this.#stage
    const disk = random.pick(this.convention.disks)
    if (disk === undefined) return
    disk.trouble = trouble
    trace.say('DISK', () => trouble ?? 'is in order')
    if (trouble !== undefined) trace.count(`disks ${trouble}`)
  }

  /** A piece of what is kept of a van is not what was written. @returns undefined if there is none */
  damage(van: string): { readonly messages: number } | undefined {
    return this.convention.damage(van)
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
    const closing = { client, isOver: false }
    this.#closing.push(closing)
    const over = (): void => {
      closing.isOver = true
    }
    await this.as(client, () => {
      client
        .close(drain)
        .then(over, (error: unknown) => this.#stage.books.violated(`close() failed: ${String(error)}`))
    })
  }

  /** @returns how many times `close()` has not come to its end, though nobody died of it */
  get stillClosing(): number {
    return this.#closing.filter(({ client, isOver }) => !isOver && !client.process.isDead).length
  }

  as<T>(client: SimClient, run: () => T): Promise<T | undefined> {
    return this.#stage.clock.as(client.process, run)
  }

  #newDisk(place: Place, killed: () => void): SimDisk {
    const { clock, random, trace } = this.#stage
    const own = random.fork()
    return new SimDisk({
      clock,
      random: own,
      trace,
      latency: () => own.pick([0, 0, 1, 3, own.between(0, 40)]),
      failed: () => {
        place.failedAt = clock.now
      },
      moment: () => {
        if (!this.isCalm && own.chance(this.#plan.killsInWrites)) killed()
      },
    })
  }

  drawNamed(isMeant: (rules: Rules) => boolean = () => true): Rules | undefined {
    return this.#stage.random.pick(this.#plan.named.filter(isMeant))
  }

  /** @param replaying how likely it replays, where there is a store */
  drawUnnamed(replaying = 0.1): Rules {
    this.#unnamed += 1
    const { random } = this.#stage
    const rules = drawRules(random, undefined, `u${this.#unnamed}`)
    return this.#plan.isStored && random.chance(replaying) ? { ...rules, from: 'start' } : rules
  }

  async #newClient(name: string, place: Place): Promise<SimClient | undefined> {
    const process = this.spawn(name)
    const { client: options, sessionTtl } = this.#plan
    const client = await this.#stage.clock.as(
      process,
      () => new SimClient(process, place, this.#stage, { ...options, sessionTtl }),
    )
    if (client !== undefined) this.#everybody.push(client)
    return client
  }

  /** A process of its own, that no client is in. */
  spawn(name: string): VirtualProcess {
    const process = new VirtualProcess(name, this.#processes.length + 1)
    this.#processes.push(process)
    return process
  }
}

function live(rules: Rules): Rules {
  const { from, ...others } = rules
  return from === undefined ? rules : others
}
