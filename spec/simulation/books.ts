import {
  isForgotten,
  isOfHostBefore,
  mayBeUnkept,
  type Delivery,
  type HostEnd,
  type Holder,
  type Outcome,
  type Publication,
  type Rules,
  SubscriptionAccount,
} from './account.js'
import type { VanStatus } from '../../src/bus/contract/status.js'
import { checkDelivery } from './check-delivery.js'
import type { Place } from './place.js'
import type { Trace } from './trace.js'
import type { VirtualClock } from './virtual-clock.js'
import type { VirtualProcess } from './virtual-process.js'

/** Wrong, unless it turns out that a session was lost: the host knew before its client did. */
export interface Suspicion {
  readonly text: string
  /** Asked when all has come to rest. */
  readonly isExcused: () => boolean
}

/** Who published what, who is owed what, who was handed what: kept from outside, by what apps see. */
export class Books {
  readonly publications: Publication[] = []
  readonly subscriptions = new Map<string, SubscriptionAccount>()
  /** How many there were by now. */
  deliveries = 0
  /** What must not be. */
  readonly violations: string[] = []
  /** Keeps what has a name. */
  leader: Place | undefined
  readonly #clock: VirtualClock
  readonly #trace: Trace
  #suspicions: Suspicion[] = []

  constructor(clock: VirtualClock, trace: Trace) {
    this.#clock = clock
    this.#trace = trace
  }

  get now(): number {
    return this.#clock.now
  }

  violated(text: string): void {
    this.violations.push(text)
    this.#trace.say('CHECKER', () => text)
  }

  suspect(suspicion: Suspicion): void {
    this.#suspicions.push(suspicion)
  }

  /** The host in this place has ended. @param status of the van, as of that moment */
  hostEnded(place: Place, what: HostEnd, status: Promise<Pick<VanStatus, 'subscriptions'>>): void {
    const kept = [...this.subscriptions.values()].filter(account => account.place === place)
    for (const account of kept) {
      this.expire(account)
      account.hostEnded(what)
    }
    // The leader forgets the replays of a host that has ended.
    for (const account of this.subscriptions.values())
      if (account.by === place && account.place !== place && account.isReplay)
        account.hostEnded({ isKept: false, keepsNames: false, hasWrittenAll: false })
    // It may have been the only one that had them.
    if (!what.isKept)
      for (const publication of this.publications) {
        if (publication.place !== place || publication.isFirm) continue
        if (publication.knownUntil !== undefined) publication.isAstray = true
        // The end itself is one of these troubles.
        else if (publication.outcome === 'open' && place.troubles > publication.troubles + 1)
          publication.mayBeAstray = true
      }
    void status.then(({ subscriptions }) => {
      for (const account of kept)
        account.droppedBefore += subscriptions.find(said => account.isOf(said))?.dropped ?? 0
    })
  }

  /** Another one is there. */
  hostStarted(place: Place, process: VirtualProcess): void {
    for (const account of this.subscriptions.values())
      if (account.place === place) account.hostStarted(process, this.publications.length, this.now)
  }

  /** All has come to rest: whoever lost its session knows by now. */
  cameToRest(): void {
    for (const { text, isExcused } of this.#suspicions) if (!isExcused()) this.violated(text)
    this.#suspicions = []
    for (const account of this.subscriptions.values()) {
      this.expire(account)
      account.cameToRest(this.now)
    }
    for (const publication of this.publications) {
      if (publication.isFirm) continue
      if (publication.knownUntil !== undefined && this.#mayBeRefusedBeyond(publication))
        publication.isAstray = true
      for (const account of this.subscriptions.values())
        if (mayBeUnkept(publication, account)) publication.unkeptAt.add(account.place)
      // What the leader refuses for now its follower keeps, and sends again.
      publication.isFirm = publication.outcome !== 'open' && !this.#mayBeRefusedBeyond(publication)
    }
  }

  /** Its host had taken it over before the leader could refuse it. */
  #mayBeRefusedBeyond(publication: Publication): boolean {
    return [...this.subscriptions.values()].some(
      // Of one before it, perhaps: those behind that wait with it.
      account => account.place !== publication.place && account.rules.overflow === 'error',
    )
  }

  published(publisher: string, topic: string, key: string | undefined, place: Place): Publication {
    const number = this.publications.length
    const publication: Publication = {
      number,
      publisher,
      topic,
      headers: { tenant: number % 2 === 0 ? 'a' : 'b' },
      key,
      at: this.now,
      outcome: 'open',
      acceptedAt: Infinity,
      acceptedBy: undefined,
      place,
      sentTo: new Set(),
      mayBeBeyond: false,
      knownUntil: place.knownUntil,
      troubles: place.troubles,
      isAstray: false,
      mayBeAstray: false,
      unkeptAt: new Set(),
      isFirm: false,
    }
    this.publications.push(publication)
    return publication
  }

  /** @param by the host that said so */
  settledPublish(publication: Publication, outcome: Outcome, by: VirtualProcess | undefined): void {
    publication.knownUntil = earlier(publication.knownUntil, publication.place.knownUntil)
    publication.outcome = outcome
    if (outcome === 'accepted') {
      publication.acceptedAt = this.publications.length
      publication.acceptedBy = by
      if (publication.mayBeAstray && by?.hasEnded === true) publication.isAstray = true
    }
    if (outcome !== 'refused') return
    publication.mayBeBeyond = [...publication.sentTo].some(host => host !== by && host.hasEnded)
    for (const account of this.subscriptions.values()) {
      const deliveries = account.deliveries.get(publication) ?? []
      // A host before may have handed it out, and died before it was kept.
      if (
        deliveries.some(
          each => !isForgotten(each) && !isLostByLeader(each) && (each.isFirm || !isOfHostBefore(each)),
        )
      )
        this.violated(`#${publication.number} was refused, and delivered to ${account.key}`)
    }
  }

  subscribed(key: string, rules: Rules, place: Place): SubscriptionAccount {
    let account = this.subscriptions.get(key)
    if (account === undefined) {
      const begunAt = rules.from === undefined ? this.publications.length : 0
      const isHere = rules.name === undefined && rules.from === undefined
      const keptAt = isHere ? place : (this.leader ?? place)
      account = new SubscriptionAccount(key, rules, begunAt, keptAt, place)
      this.subscriptions.set(key, account)
    }
    account.consumers += 1
    return account
  }

  inForce(account: SubscriptionAccount): void {
    const isReplay = account.rules.from !== undefined && !account.hasBegunAnew
    // One without a name that was on no disk when its host ended begins with the next one.
    const isWhole = isReplay && (account.isNamed || account.incarnation === 0)
    account.inForce(isWhole ? account.begunAt : this.publications.length, this.now)
  }

  /** A message came to a consumer. @param isExtended by `handle` for as long as that works on it */
  delivered(
    account: SubscriptionAccount,
    holder: Holder,
    message: { readonly payload: unknown; readonly attempt: number; readonly redelivered: boolean },
    isExtended: boolean,
  ): Delivery | undefined {
    const { attempt, redelivered } = message
    const publication = this.publications[(message.payload as { number: number }).number]
    if (publication === undefined) {
      this.violated(`${holder.name} was handed what nobody published`)
      return undefined
    }
    const { ackTimeout } = account.rules
    const deadline = ackTimeout === 0 || isExtended ? Infinity : this.now + ackTimeout
    const { epoch, lapses } = holder
    const delivery: Delivery = {
      account,
      incarnation: account.incarnation,
      crashes: account.crashes,
      host: holder.host,
      leader: holder.place.joined,
      publication,
      holder,
      epoch,
      lapses,
      at: this.now,
      attempt,
      redelivered,
      deadline,
      state: 'open',
      isFirm: false,
    }
    this.#trace.say(
      holder.name,
      () =>
        `gets #${publication.number} ${publication.topic} of ${account.key}` +
        (attempt > 1 ? `, attempt ${attempt}` : '') +
        (redelivered ? ', redelivered' : ''),
    )
    this.expire(account)
    checkDelivery(this, account, delivery)
    // What was still on its way from a host that has ended does not show that the next one knows the name.
    if (!isOfHostBefore(delivery)) account.isThere(this.publications.length, this.now)
    account.of(publication).push(delivery)
    this.deliveries += 1
    return delivery
  }

  /** What `ackTimeout` has failed by now. */
  expire(account: SubscriptionAccount): void {
    if (account.rules.ackTimeout === 0) return
    for (const deliveries of account.deliveries.values()) {
      for (const delivery of deliveries) {
        const { state, deadline, holder, epoch } = delivery
        if (state !== 'open' || deadline > this.now || holder.isOver || holder.epoch > epoch) continue
        delivery.state = 'failed'
        this.#trace.count('ack timeouts')
      }
    }
  }

  /** A verdict was given: was it right to count, or not to? */
  verdict(
    account: SubscriptionAccount,
    delivery: Delivery,
    verb: 'acked' | 'failed' | 'rejected',
    counted: boolean,
  ): void {
    const { publication, holder, deadline } = delivery
    this.expire(account)
    this.#trace.say(holder.name, () => `${verb} #${publication.number} of ${account.key}: ${counted}`)
    const isOpen = delivery.state === 'open' && !holder.isOver && holder.epoch === delivery.epoch
    // At the very moment of its deadline either may come first.
    // A bus that is closing may have let go of it, and so may a host that heard nothing for too long.
    const isClear =
      deadline !== this.now && (holder.isOver || !holder.isGone) && holder.lapses === delivery.lapses
    if (counted !== isOpen && isClear) {
      const what = `${verb} on #${publication.number} of ${account.key} (${delivery.state}) by ${holder.name}`
      this.violated(counted ? `${what} counted, although it was not open` : `${what} did not count`)
    }
    if (counted) delivery.state = verb
  }
}

/** It came by way of a follower from a leader that died with it. */
function isLostByLeader({ publication, holder, leader, isFirm }: Delivery): boolean {
  const { place } = publication
  return place !== holder.place && leader?.hasEnded === true && (!isFirm || !place.isKept)
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b)
}
