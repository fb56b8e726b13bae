import { tokenCredential } from '../../src/client/connection/credential.js'
import { Follower } from '../../src/host/backbone/follower/follower.js'
import { Leader } from '../../src/host/backbone/leader/leader.js'
import type { HandedOver } from '../../src/host/hand-over/read.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { HostStore } from '../../src/host/store/host-store.js'
import { Principals } from '../../src/host/rights/principals.js'
import { version, type Bus } from '../../src/index.js'
import { Disk } from './disk.js'
import { eventually } from './eventually.js'
import { handOver } from './hand-over.js'
import { clientOf, secret, startServer } from './host-server.js'
import { GuardedHost, PrincipalsFile, type Rights } from './principals.js'

type All = Readonly<Record<string, Rights>>

export interface RightsConventionOptions {
  /** Principals of the leader: each follower joins as the one of its name. Default: none, and it may do everything. */
  readonly leader?: All
  /** Each follower has principals of its own. */
  readonly followers: Readonly<Record<string, All>>
  /** The leader has a store. */
  readonly isStored?: boolean
  /** The leader lets them join. Default: true. */
  readonly mayJoin?: boolean
}

/** A leader, and followers whose clients have rights of their own. All in this process. */
export class RightsConvention {
  readonly followers = new Map<string, GuardedHost>()
  readonly #disk: Disk | undefined
  readonly #file: PrincipalsFile | undefined
  readonly #buses: Bus[] = []
  readonly #closing: (() => Promise<void>)[] = []
  #die = (): unknown => undefined
  #leader: HostServer | undefined

  private constructor(disk: Disk | undefined, file: PrincipalsFile | undefined) {
    this.#disk = disk
    this.#file = file
  }

  static async start({
    leader,
    followers,
    isStored = false,
    mayJoin = true,
  }: RightsConventionOptions): Promise<RightsConvention> {
    const file = leader && (await PrincipalsFile.of(leader))
    const made = new RightsConvention(isStored ? new Disk() : undefined, file)
    await made.#startLeader(0)
    for (const [name, all] of Object.entries(followers)) await made.#join(name, all, mayJoin)
    return made
  }

  get leader(): HostServer {
    if (this.#leader === undefined) throw new Error('there is no leader')
    return this.#leader
  }

  follower(name: string): GuardedHost {
    const found = this.followers.get(name)
    if (found === undefined) throw new Error(`there is no follower ${name}`)
    return found
  }

  /** A bus of this machine's user at the leader. */
  own(): Bus {
    const { bus } = clientOf(this.leader.port)
    this.#buses.push(bus)
    return bus
  }

  /** A bus of a principal at its follower. */
  bus(follower: string, principal: string): Bus {
    return this.follower(follower).client(principal).bus
  }

  /** The leader dies as by kill -9. Another one opens its store. */
  async restartLeader(): Promise<void> {
    const { port } = this.leader
    this.#die()
    await this.leader.close()
    await this.#startLeader(port)
  }

  /** The leader hands its memory to the next one, as `msgvan restart` does. */
  async handOverLeader(): Promise<HandedOver> {
    const { port } = this.leader
    return handOver(this.leader, 'leader', () => this.#startLeader(port, true))
  }

  async close(): Promise<void> {
    for (const bus of this.#buses) await bus.close({ drain: false })
    for (const follower of this.followers.values()) await follower.close()
    await this.leader.close()
    for (const close of this.#closing) await close()
    this.#file?.clean()
  }

  async #startLeader(port: number, awaitsServices = false): Promise<HostServer> {
    const mortal = this.#disk?.mortal()
    this.#die = () => mortal?.die()
    const file = this.#file
    const ignore = { warn: () => undefined, info: () => undefined }
    const principals = file && (await Principals.open(file.file, ignore))
    if (principals !== undefined) this.#closing.push(() => Promise.resolve(principals.close()))
    const leader = await startServer({
      port,
      principals,
      awaitsServices,
      awaitsStore: mortal !== undefined,
      hostStatus: () => statusOf('leader', true),
      backbone: options => new Leader(options),
    })
    if (mortal !== undefined) leader.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
    this.#leader = leader
    return leader
  }

  async #join(name: string, all: All, mayJoin: boolean): Promise<void> {
    const token = this.#file?.tokens.get(name)
    const follower = await GuardedHost.with(all, generation => ({
      hostStatus: () => statusOf(`${name} ${generation}`, false),
      backbone: options =>
        new Follower({
          ...options,
          leader: `http://127.0.0.1:${this.leader.port}`,
          credential: () => (token === undefined ? Promise.resolve({ secret }) : tokenCredential(token)),
          seat: name,
          maxPayload: 1_000_000,
        }),
    }))
    this.followers.set(name, follower)
    if (!mayJoin) return
    const { bus } = follower.client(undefined)
    await eventually(async () => {
      if ((await bus.status()).hosts.length < 2) throw new Error('it has not joined')
    })
  }
}

function statusOf(id: string, leader: boolean) {
  return {
    ...{ id, pid: process.pid, version, port: 0, address: '', leader },
    ...{ capabilities: {}, uptimeMs: 0 },
  }
}
