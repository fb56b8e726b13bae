import type { DeadLetter } from '../../src/bus/contract/dead-letters.js'
import type { Publication, SubscriptionAccount } from './account.js'
import { Acting } from './acting.js'
import { Backlog } from './backlog.js'
import { Cast } from './cast.js'
import { checkRest } from './check-rest.js'
import { DamagedRecord } from './damaged-record.js'
import { drawPlan, type Plan } from './plan.js'
import type { Feature } from './features.js'
import { provoke } from './provoke.js'
import { Observing } from './observing.js'
import { Requesting } from './requesting.js'
import type { Stage } from './stage.js'
import { stir } from './trouble.js'
import { Upgrading } from './upgrading.js'

/** Long enough for every connection to be noticed as lost, opened again, and for what waited to arrive. */
const REST_MS = 20_000
/** Nothing is handed out for so long: nothing will be. */
const QUIET_MS = 3_000
/** To be done in, when everybody behaves. */
const FINISH_MS = 100_000
/** A pipeline's patience with `retry({ delay })` is a minute: afterwards no timer may be left. */
const PATIENCE_MS = 120_000

/** Times of trouble, each followed by one in which all comes to rest and the books must balance; in the end everybody behaves, and goes. */
export class World {
  readonly #stage: Stage
  readonly #plan: Plan
  readonly #cast: Cast
  readonly #backlog: Backlog | undefined
  readonly #damaged: DamagedRecord | undefined
  readonly #observing: Observing | undefined
  readonly #requesting: Requesting | undefined
  readonly #acting: Acting | undefined
  readonly #upgrading: Upgrading | undefined

  constructor(stage: Stage, forced: readonly Feature[] = []) {
    this.#stage = stage
    this.#plan = drawPlan(stage.random, forced)
    this.#cast = new Cast(stage, this.#plan)
    if (this.#plan.hasBacklog) this.#backlog = new Backlog(stage, this.#cast)
    if (this.#plan.hasDamage) this.#damaged = new DamagedRecord(stage, this.#cast)
    if (this.#plan.hasObservation) this.#observing = new Observing(stage, this.#cast)
    if (this.#plan.hasRequests) this.#requesting = new Requesting(stage, this.#cast)
    if (this.#plan.hasOlderClient) this.#upgrading = new Upgrading(stage, this.#cast)
    if (this.#plan.hasActor) this.#cast.acted = this.#acting = new Acting(stage, this.#cast)
    stage.trace.say('PLAN', () => JSON.stringify(this.#plan, (_, value: unknown) => shown(value)))
  }

  async run(): Promise<void> {
    const { random, clock } = this.#stage
    await this.#cast.gather()
    // Half of the seeds begin when everything is in force, the others at once.
    if (random.chance(0.5)) await clock.advance(1_000)
    await this.#backlog?.pileUp()
    await this.#observing?.begin()
    await this.#requesting?.begin()
    await this.#acting?.begin()
    for (let round = 1; round <= this.#plan.rounds && !this.#isBroken(); round += 1) {
      this.#cast.isCalm = false
      for (let done = 0; done < this.#plan.actionsPerRound && !this.#isBroken(); done += 1) {
        await stir(this.#stage, this.#plan, this.#cast)
        await clock.advance(random.pick([0, 0, 1, 5, 20, 100, 400]))
      }
      if (round === 1) await this.#provoke()
      if (round === 1) await this.#backlog?.takeAway()
      // On a disk that takes nothing there is no record to be damaged.
      if (round === 1 && this.#isDue('records damaged')) this.#cast.mendDisks()
      if (round === 1) await this.#damaged?.run()
      if (round === 1) await this.#observing?.run()
      if (round === 1) await this.#requesting?.run()
      if (round === 1) await this.#acting?.run()
      if (round === 1) await this.#upgrading?.run()
      await this.#rest()
      const isForced = this.#isDue('replays') || this.#isDue('purges')
      if (round < this.#plan.rounds && (isForced || random.chance(0.5))) await this.#replaySome()
    }
    if (!this.#isBroken()) await this.#finish()
    if (!this.#isBroken()) await this.#end()
  }

  /** It must happen, and has not. */
  #isDue(feature: Feature): boolean {
    return this.#plan.forced.includes(feature) && !this.#stage.trace.counts.has(feature)
  }

  async #provoke(): Promise<void> {
    for (const feature of this.#plan.forced)
      for (let tries = 0; tries < 3 && this.#isDue(feature) && !this.#isBroken(); tries += 1)
        await provoke(this.#stage, this.#cast, feature)
  }

  #isBroken(): boolean {
    const { books, clock } = this.#stage
    for (const error of clock.thrown.splice(0))
      books.violated(`uncaught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return books.violations.length > 0
  }

  /** No new trouble: connections come back, verdicts arrive, the dead are missed. */
  async #rest(): Promise<void> {
    const { network, clock, books, trace } = this.#stage
    trace.say('WORLD', () => 'comes to rest')
    network.heal()
    await this.#cast.heal()
    await clock.advance(REST_MS)
    this.#cast.rest(true)
    for (let before = -1; before < books.deliveries;) {
      before = books.deliveries
      await clock.advance(QUIET_MS)
    }
    for (const { place } of this.#cast.convention.followers) place.settles()
    books.cameToRest()
    checkRest(books, await this.#cast.convention.status(), await this.#letters())
    this.#cast.rest(false)
  }

  async #letters() {
    const { observer } = this.#cast
    const asked = await this.#cast.as(observer, () => [observer.bus.deadLetters().list()])
    await this.#stage.clock.advance(1_000)
    return (await asked?.[0]) ?? []
  }

  async #replaySome(): Promise<void> {
    const { books, random, trace } = this.#stage
    const { observer } = this.#cast
    for (const { letter, copies } of counted(await this.#letters())) {
      const { id, subscription, payload } = letter
      const account = books.subscriptions.get(subscription)
      const publication = books.publications[(payload as { number: number }).number]
      if (account === undefined || publication === undefined) continue
      const isPurged = this.#isDue('purges') || (!this.#isDue('replays') && random.chance(0.2))
      if (isPurged) {
        await this.#purge(account, publication, { subscription, id }, copies)
        continue
      }
      if (!this.#isDue('replays') && random.chance(0.5)) continue
      account.replays(publication, copies)
      trace.say('observer', () => `replays #${publication.number} to ${subscription}`)
      trace.count('replays')
      await this.#cast.as(observer, () => {
        const replayed = (count: number): void => {
          if (count !== copies) books.violated(`#${publication.number} was replayed ${count} times`)
        }
        const failed = (error: unknown) => books.violated(`a replay failed: ${String(error)}`)
        observer.bus.deadLetters().replay({ subscription, id }).then(replayed, failed)
      })
    }
    await this.#stage.clock.advance(200)
  }

  async #purge(
    account: SubscriptionAccount,
    publication: Publication,
    which: { subscription: string; id: string },
    copies: number,
  ): Promise<void> {
    const { books, trace } = this.#stage
    const { observer } = this.#cast
    account.purged.set(publication, copies)
    trace.say('observer', () => `purges #${publication.number} of ${account.key}`)
    trace.count('purges')
    await this.#cast.as(observer, () => {
      const purged = (count: number): void => {
        if (count !== copies) books.violated(`#${publication.number} was purged ${count} times`)
      }
      const failed = (error: unknown) => books.violated(`a purge failed: ${String(error)}`)
      observer.bus.deadLetters().purge(which).then(purged, failed)
    })
  }

  /** Everybody behaves: nothing may be left waiting. */
  async #finish(): Promise<void> {
    const { clock, books, trace } = this.#stage
    trace.say('WORLD', () => 'has everybody behave')
    await this.#cast.behave()
    const until = clock.now + FINISH_MS
    let left: string
    do {
      await clock.advance(1_000)
      left = await this.#leftOver()
    } while (left !== '' && clock.now < until)
    if (left !== '') books.violated(`it does not come to rest: ${left}`)
    await this.#backlog?.finish()
    await this.#observing?.finish()
    await this.#requesting?.finish()
    await this.#acting?.finish()
    await this.#upgrading?.finish()
    await this.#damaged?.finish()
    await this.#damaged?.close()
    await this.#rest()
    if (left === '') this.#checkMemory()
  }

  /** What a host counts and nobody waits for would fill it for good. */
  #checkMemory(): void {
    for (const { url, waitingBytes } of this.#cast.convention.hosts)
      if (waitingBytes !== 0)
        this.#stage.books.violated(`${waitingBytes} bytes count as waiting at ${url}, where nothing waits`)
  }

  async #leftOver(): Promise<string> {
    const open = this.#stage.books.publications.filter(({ outcome }) => outcome === 'open')
    const { subscriptions } = await this.#cast.convention.status()
    return [
      ...open.map(({ number }) => `#${number} is neither accepted nor refused`),
      ...subscriptions
        .filter(({ pending, inFlight }) => pending + inFlight > 0)
        .map(({ id, name, pending, inFlight }) => `${name ?? id}: ${pending} pending, ${inFlight} in flight`),
    ].join('; ')
  }

  /** All close: nothing may be left behind. */
  async #end(): Promise<void> {
    const { clock, books } = this.#stage
    const { observer, clients, convention } = this.#cast
    for (const client of [...clients, observer]) await this.#cast.close(client, true)
    await clock.advance(REST_MS)
    const { stillClosing } = this.#cast
    if (stillClosing > 0) books.violated(`${stillClosing} times close() did not end`)
    // Followers are clients of their leader.
    for (const host of [...convention.hosts].reverse()) {
      if (host.clients > 0) books.violated(`${host.clients} sessions are left at ${host.url}`)
      host.stop()
      await clock.advance(1_000)
    }
    await clock.advance(PATIENCE_MS)
    for (const { process, url } of convention.hosts)
      if (process !== undefined) books.violated(`the host at ${url} did not stop`)
    const timers = clock.pending.map(({ process }) => process.name)
    if (timers.length > 0) books.violated(`timers are left of ${timers.join(', ')}`)
    this.#isBroken()
  }
}

function shown(value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value
}

interface Counted {
  readonly letter: DeadLetter
  copies: number
}

/** A message that is there twice has two letters with the same id. */
function counted(letters: readonly DeadLetter[]): Iterable<Counted> {
  const all = new Map<string, Counted>()
  for (const letter of letters) {
    const key = `${letter.subscription} ${letter.id}`
    const known = all.get(key)
    if (known === undefined) all.set(key, { letter, copies: 1 })
    else known.copies += 1
  }
  return all.values()
}
