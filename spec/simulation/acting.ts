import type { ActorRef } from '../../src/bus/contract/actor-ref.js'
import { MAILBOX } from '../../src/message/topic.js'
import { MsgvanError, type Bus, type Message } from '../../src/index.js'
import type { Cast } from './cast.js'
import type { Acted } from './sim-actors.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'acted'
const NAME = 'actor'
const module = new URL('file:///simulated/actor.js')
const FINISH_MS = 120_000
/** Of ten in a row some may be crashes of a worker that has done nothing yet. */
const MOST_FAILURES = 6
const TOO_MANY_FAILURES = 30
/** More than a host with a store holds of a mailbox in memory, now and then. */
const MANY = 2_500

type Outcome = 'open' | 'accepted' | 'refused'

/**
 * An actor with its mailbox, in a van of its own: it is told much, and its set-up fails, its worker crashes, it is stopped with
 * messages waiting, its host ends. Each tell that was accepted is done, a dead letter, or still owed.
 */
export class Acting implements Acted {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #told = new Map<number, Outcome>()
  readonly #done = new Set<number>()
  readonly #letters = new Set<number>()
  #next = 0
  #joined: { readonly bus: Bus; readonly process: VirtualProcess } | undefined
  #actor: ActorRef | undefined
  /** Hosts that were started before it was made. */
  #startsBefore = 0
  #mayHaveEnded = false
  /** Set-ups to come that fail. */
  #failures = 0
  #mayHang = false
  #isWell = false

  constructor(stage: Stage, cast: Cast) {
    this.#stage = stage
    this.#cast = cast
  }

  async setUp(): Promise<void> {
    if (this.#failures === 0) return
    this.#failures -= 1
    this.#stage.trace.count('set-ups failed')
    if (this.#mayHang) await new Promise<void>(() => undefined)
    throw new Error('a set-up that fails')
  }

  async receive({ payload }: Message<number>, crash: () => void): Promise<void> {
    const { random } = this.#stage
    if (!this.#isWell) {
      if (random.chance(0.5)) await new Promise(resolve => setTimeout(resolve, random.pick([1, 20, 200])))
      if (random.chance(0.02)) throw new Error('an actor that fails')
      if (random.chance(0.005)) {
        this.#stage.trace.count('workers crashed')
        return crash()
      }
    }
    this.#done.add(payload)
  }

  /** It is made, whatever happens meanwhile. */
  async begin(): Promise<void> {
    const { clock } = this.#stage
    const process = this.#cast.spawn('director')
    const bus = await clock.as(process, () => simBus(this.#stage, process, this.#cast.host.url, VAN))
    if (bus === undefined) throw new Error('the director could not join')
    this.#joined = { bus, process }
    await this.#make()
    await clock.advance(1_000)
  }

  async run(): Promise<void> {
    const { clock, random, trace } = this.#stage
    await clock.advance(random.between(0, 500))
    if (this.#actor === undefined) return
    trace.count('actors')
    await this.#tell(random.chance(0.4) ? MANY : random.between(1, 300))
    await clock.advance(random.pick([0, 5, 100, 1_000]))
    await this.#disturb()
    await clock.advance(random.between(0, 3_000))
    await this.#tell(random.between(1, 20))
    if (random.chance(0.3)) await this.#stop()
    if (random.chance(0.3)) this.#cast.killHost()
    await clock.advance(random.between(0, 2_000))
  }

  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    if (this.#joined === undefined) return
    this.#isWell = true
    this.#failures = 0
    const until = clock.now + FINISH_MS
    let owed: number
    let open: number
    do {
      await clock.advance(1_000)
      owed = await this.#owed()
      open = this.#count('open')
    } while (owed + open > 0 && clock.now < until)
    if (open > 0) books.violated(`${open} tells are neither accepted nor refused`)
    if (owed > 0) books.violated(`${owed} tells to an actor wait for ever`)
    await this.#readLetters()
    const missing = [...this.#told].filter(
      ([number, outcome]) => outcome === 'accepted' && !this.#done.has(number) && !this.#letters.has(number),
    )
    this.#stage.trace.say(
      'director',
      () => `told ${this.#next}: ${this.#done.size} done, ${this.#letters.size} letters`,
    )
    if (missing.length > owed && !this.#wasForgotten)
      books.violated(
        `of ${this.#next} tells ${missing.length} are neither done nor dead letters, and ${owed} owed`,
      )
    if (!this.#mayHaveEnded && !this.#wasForgotten) await this.#mustGoOn()
    await this.#stop()
    await clock.advance(20_000)
    const { bus, process } = this.#joined
    await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  /** It was not stopped, and did not fail too often: it is there, and works. */
  async #mustGoOn(): Promise<void> {
    const { clock, books } = this.#stage
    const last = this.#next
    await this.#tell(1)
    await clock.advance(20_000)
    if (this.#actor !== undefined && !this.#done.has(last))
      books.violated('an actor is no more, though it was not stopped and did not fail ten times in a row')
  }

  /** It was in the memory of a host that has ended. */
  get #wasForgotten(): boolean {
    return !this.#cast.host.isKept && this.#cast.hostStarts > this.#startsBefore
  }

  #count(wanted: Outcome): number {
    return [...this.#told.values()].filter(outcome => outcome === wanted).length
  }

  async #disturb(): Promise<void> {
    const { random, network } = this.#stage
    switch (random.pick(['stop', 'kill', 'kill', 'end', 'restart', 'cut', 'nothing'])) {
      case 'restart':
        return this.#cast.restartHost()
      case 'stop':
        return this.#stop()
      case 'kill':
        this.#failures = random.pick([1, 1, MOST_FAILURES, TOO_MANY_FAILURES])
        if (this.#failures === TOO_MANY_FAILURES) this.#mayHaveEnded = true
        this.#mayHang = random.chance(0.2)
        return this.#cast.killHost()
      case 'end':
        return this.#cast.stopHost()
      case 'cut':
        if (this.#joined !== undefined) network.cut(this.#joined.process)
    }
  }

  async #make(): Promise<void> {
    await this.#as(bus => {
      const create = (): void => {
        bus.actors.create({ module: module.href }, { name: NAME, attempts: 2 }).then(
          actor => {
            this.#actor = actor
            this.#startsBefore = this.#cast.hostStarts
          },
          () => void setTimeout(create, 500),
        )
      }
      create()
    })
  }

  async #stop(): Promise<void> {
    const actor = this.#actor
    if (actor === undefined) return
    this.#mayHaveEnded = true
    this.#stage.trace.count('actors stopped')
    await this.#as(() => void actor.stop().catch(() => undefined))
  }

  async #tell(count: number): Promise<void> {
    const actor = this.#actor
    if (actor === undefined) return
    await this.#as(() => {
      for (let done = 0; done < count; done += 1) {
        const number = this.#next++
        this.#told.set(number, 'open')
        actor.tell(number).then(
          () => this.#told.set(number, 'accepted'),
          (error: unknown) => {
            this.#told.set(number, 'refused')
            if (!(error instanceof MsgvanError))
              this.#stage.books.violated(`a tell was refused with ${String(error)}`)
          },
        )
      }
    })
  }

  async #owed(): Promise<number> {
    const { subscriptions } = await this.#cast.host.status(VAN)
    return subscriptions
      .filter(({ name }) => name?.startsWith(MAILBOX) === true)
      .reduce((sum, { pending, inFlight }) => sum + pending + inFlight, 0)
  }

  async #readLetters(): Promise<void> {
    await this.#as(bus => {
      bus
        .deadLetters()
        .list()
        .then(
          letters => {
            for (const { payload } of letters) this.#letters.add(payload as number)
          },
          (error: unknown) => this.#stage.books.violated(`a list of dead letters failed: ${String(error)}`),
        )
    })
    await this.#stage.clock.advance(2_000)
  }

  async #as(run: (bus: Bus) => void): Promise<void> {
    if (this.#joined === undefined) return
    const { bus, process } = this.#joined
    await this.#stage.clock.as(process, () => run(bus))
  }
}
