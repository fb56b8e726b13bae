import { join } from 'node:path'
import { cp, mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { HostUnreachableError, VersionMismatchError, type Bus } from '../../src/index.js'
import { ConventionHost } from '../../spec/support/convention.js'
import { otherVersion } from '../../spec/support/other-version.js'
import type { Started } from '../../spec/support/processes.js'
import { Proxy } from '../../spec/support/proxy.js'
import { Sandbox } from '../../spec/support/sandbox.js'
import { PROTOCOL } from '../../src/wire/protocol.js'
import { now } from '../support/clock.js'
import type { Random } from '../support/random.js'
import { until } from '../support/stage.js'
import { Traffic } from './traffic.js'
import { History, TELLER } from './history.js'
import type { Part, Subscribing } from './party.js'
import { audit, keyed, late, LEADER, nameOf, orders, plain, shaky, shared, strict } from './roles.js'

const party = fileURLToPath(new URL('party.js', import.meta.url))
const recorder = fileURLToPath(new URL('recorder.js', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))

/** Their command lines. */
export interface Others {
  /** Another version of the same protocol. */
  readonly newer: string
  /** A version of another protocol. */
  readonly foreign: string
}

/** Three hosts, and who works with them, each a process of its own. */
export class Cast {
  /** Who is owed what, as last seen. */
  owed = ''
  readonly folder: string
  readonly history: History
  readonly hosts: readonly ConventionHost[]
  readonly links: readonly Proxy[]
  /** Packages of other versions. */
  readonly others: Others
  readonly #random: Random
  readonly #publishers: Started[] = []
  readonly #traffic: Traffic
  #consumer: Started | undefined
  #consumers = 0
  #bus: Bus | undefined

  private constructor(
    folder: string,
    hosts: readonly ConventionHost[],
    links: readonly Proxy[],
    others: Others,
    random: Random,
  ) {
    this.others = others
    this.folder = folder
    this.history = new History(folder, 'director')
    this.hosts = hosts
    this.links = links
    this.#random = random
    this.#traffic = new Traffic(folder)
  }

  static async open(home: string, random: Random): Promise<Cast> {
    const folder = join(home, 'together')
    await mkdir(folder)
    const stored = (sandbox: Sandbox): string[] => [
      '--store',
      join(sandbox.home, 'store'),
      '--heartbeat',
      '2',
    ]
    const sandbox = await Sandbox.make()
    const leader = new ConventionHost(sandbox, ['--leader', ...stored(sandbox), '--root', here])
    await leader.start()
    const hosts = [leader]
    const links: Proxy[] = []
    for (let i = 0; i < 2; i++) {
      const link = await Proxy.to(leader.port)
      const own = await Sandbox.make()
      const follower = new ConventionHost(own, [
        '--join',
        `127.0.0.1:${link.port}`,
        ...stored(own),
        '--root',
        here,
      ])
      await follower.start()
      links.push(link)
      hosts.push(follower)
    }
    const packages = join(home, 'packages')
    await mkdir(packages)
    const newer = await otherVersion(packages, { protocol: PROTOCOL, version: '9.8.7' })
    const foreign = await otherVersion(packages, { protocol: 99, version: '99.0.0' })
    return new Cast(folder, hosts, links, { newer: newer.main, foreign: foreign.main }, random)
  }

  /** Looks on, at the leader. */
  get bus(): Bus {
    return (this.#bus ??= this.host(0).bus())
  }

  host(at: number): ConventionHost {
    const host = this.hosts[at]
    if (host === undefined) throw new Error(`there is no host ${at}`)
    return host
  }

  async enter(): Promise<void> {
    await until(
      'the hosts to be together',
      async () => (await this.bus.status()).hosts.length === 3 || undefined,
    )
    await this.#actor()
    await this.#consumes(0, 'c0', [audit, plain('plain0', nameOf(0))])
    await this.#consumes(1, 'c1', [orders, shared, keyed])
    await this.#consumes(2, 'c2', [shaky, shared, plain('plain2', nameOf(2))])
    await this.mortalConsumer()
    const ten = Array.from({ length: 10 }, (_, i) => `p${i}`)
    this.#publishers.push(
      this.#part(0, {
        who: 'publisher0',
        publishers: ten.slice(0, 3),
        // Of this one all is handled in order, one at a time over two hosts.
        ...(orders.rules.of === undefined ? {} : { slow: orders.rules.of }),
        subscriptions: [],
      }),
      this.#part(1, { who: 'publisher1', publishers: ten.slice(3, 6), subscriptions: [], tells: 'recorder' }),
      this.#part(2, { who: 'publisher2', publishers: ten.slice(6), subscriptions: [] }),
    )
  }

  /** One that is killed now and then, and comes again. */
  async mortalConsumer(): Promise<void> {
    if (this.#consumer !== undefined) {
      await this.#consumer.kill('SIGKILL')
      this.history.write({ what: 'killed', who: `mortal${this.#consumers}` })
    }
    this.#consumers++
    this.#consumer = await this.#consumes(2, `mortal${this.#consumers}`, [shared, strict, keyed])
  }

  async enterLate(): Promise<void> {
    await this.#consumes(1, 'late', [late])
  }

  /**
   * Letters at a host that is away stay there, and the call says so; it fails too until this bus has dialled a host again that
   * spoke another protocol. A later call replays them.
   */
  async replayLetters(): Promise<void> {
    try {
      await this.bus.deadLetters().replay({ subscription: 'strict' })
    } catch (error) {
      if (!(error instanceof HostUnreachableError || error instanceof VersionMismatchError)) throw error
    }
  }

  /** Resolves when something was done that was published after this moment. */
  async goesOn(): Promise<void> {
    await this.#traffic.goesOn(now())
  }

  async leaveOff(): Promise<void> {
    for (const publisher of this.#publishers) publisher.child.stdin?.end()
    for (const { ended } of this.#publishers) {
      const { code, stderr } = await ended
      if (code !== 0) throw new Error(`a publisher ended with ${code ?? 'a signal'}: ${stderr}`)
    }
  }

  /** However slow the machine: all that is owed is settled as long as something goes on. @throws Error when nothing does */
  async comeToRest(): Promise<void> {
    for (let isOver = false; !isOver;) {
      const { owed } = this
      isOver = await until('something to be settled', async () => {
        const isAtRest = await this.#isAtRest()
        return isAtRest || this.owed !== owed ? isAtRest : undefined
      })
    }
  }

  async #isAtRest(): Promise<boolean> {
    const { subscriptions } = await this.bus.status()
    this.owed = subscriptions
      .filter(({ pending, inFlight }) => pending + inFlight > 0)
      .map(
        each =>
          `${each.name ?? each.id} ${each.pending} pending, ${each.inFlight} in flight, ${each.consumers} consumers`,
      )
      .join('; ')
    if (this.owed !== '') return false
    for (const { name, id, pending, inFlight } of subscriptions)
      this.history.write({ what: 'rest', sub: name ?? id, pending, inFlight })
    for await (const page of this.bus.deadLetters().pages()) {
      for (const { subscription, payload } of page)
        this.history.write({ what: 'letter', sub: subscription, ...(payload as { by: string; n: number }) })
    }
    return true
  }

  /** Of a run that failed. @returns where to look */
  async keep(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'msgvan-together-'))
    await cp(this.folder, folder, { recursive: true })
    return folder
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.clean()
    for (const link of this.links) await link.close()
  }

  async #actor(): Promise<void> {
    const rules = { of: `${TELLER}recorder`, isAlone: true, keptBy: LEADER, diesWithHost: true }
    await this.bus.actors.create(
      { module: recorder, export: 'Recorder' },
      {
        name: 'recorder',
        args: { folder: this.folder, sub: 'recorder' },
        isolation: 'process',
        attempts: 1_000,
      },
    )
    this.history.write({ what: 'subscribed', sub: 'recorder', rules })
  }

  async #consumes(at: number, who: string, subscriptions: readonly Subscribing[]): Promise<Started> {
    const process = this.#part(at, { who, publishers: [], subscriptions })
    await process.shows(/ready/)
    return process
  }

  #part(at: number, part: Omit<Part, 'host' | 'port' | 'folder' | 'seed'>): Started {
    const { port, sandbox } = this.host(at)
    const seed = this.#random.between(1, 2 ** 31)
    const whole: Part = { ...part, host: nameOf(at), port, folder: this.folder, seed }
    return sandbox.node([party, JSON.stringify(whole)])
  }
}
