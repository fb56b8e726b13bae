import type { Overflow } from '../../src/bus/contract/subscription-request.js'
import type { Place } from './place.js'
import type { VirtualProcess } from './virtual-process.js'

/** What a publisher knows of its message. */
export type Outcome =
  | 'open'
  | 'accepted'
  /** Its promise was rejected, in a way that says that the van does not have it. */
  | 'refused'
  /** It could not be kept: it is owed to nobody, and whoever had it in hand by then keeps it. */
  | 'unkept'
  /** Its publisher died or closed meanwhile: the van may have it. */
  | 'unknown'

/** One message; numbers count in the order of the calls of `publish` in the whole simulation. */
export interface Publication {
  readonly number: number
  readonly publisher: string
  readonly topic: string
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly at: number
  outcome: Outcome
  /** How many messages had been published when its promise was resolved. */
  acceptedAt: number
  /** The host that its publisher was connected to by then. */
  acceptedBy: VirtualProcess | undefined
  readonly place: Place
  /** Runs of its host that it may have been sent to. */
  readonly sentTo: Set<VirtualProcess>
  /** A run that has ended since may have passed it on to other hosts: the one that refused it cannot tell them. */
  mayBeBeyond: boolean
  /** Its host knew for certain what others want only until this moment: all that was in force by then. */
  knownUntil: number | undefined
  /** How often the way between its host and the leader had been in trouble. */
  readonly troubles: number
  /** Nobody beyond its host is owed it for certain. */
  isAstray: boolean
  /** Its host lost sight of the leader, and ended before its publisher knew of anything: if that host took it over, it is astray. */
  mayBeAstray: boolean
  /** Where the disk may not have taken it at first. */
  readonly unkeptAt: Set<Place>
  /** All came to rest since: whoever is owed it has it. */
  isFirm: boolean
}

/** What is there after a host's end. */
export interface HostEnd {
  /** All that it owed: it has a store. */
  readonly isKept: boolean
  /** At least the names of its subscriptions, with their rules. */
  readonly keepsNames: boolean
  /** All that it handed out is on its disk. */
  readonly hasWrittenAll: boolean
}

/** What a subscription asks for, alike for all who subscribe under its name. */
export interface Rules {
  readonly name: string | undefined
  readonly pattern: RegExp
  readonly ordered: boolean | 'key'
  readonly prefetch: number
  readonly attempts: number
  readonly delay: number
  readonly ackTimeout: number
  readonly maxPending: number
  readonly overflow: Overflow
  readonly match?: { readonly headers: { readonly tenant: string } }
  /** A replay of all that is kept. */
  readonly from?: 'start'
}

/** Who consumes, as far as the books need to know. */
export interface Holder {
  readonly name: string
  /** Its process died, or its bus closes. */
  readonly isGone: boolean
  /** Its process died, or its bus has closed. */
  readonly isOver: boolean
  /** How many sessions its client has lost by now. */
  readonly epoch: number
  /** How often its client was silent for so long that the host took what it held. */
  readonly lapses: number
  readonly hasLeft: boolean
  readonly place: Place
  /** The host that its client's session is with. */
  readonly host: VirtualProcess | undefined
}

export type DeliveryState =
  | 'open'
  | 'acked'
  | 'failed'
  | 'rejected'
  | 'returned'
  /** A loop was left with it in hand. */
  | 'abandoned'

/** One hand-over of one message to one consumer, as that consumer saw it. */
export interface Delivery {
  readonly account: SubscriptionAccount
  /** How often the subscription's host had ended by then. */
  readonly incarnation: number
  /** How often that was not in order. */
  readonly crashes: number
  /** The host by which it came. */
  readonly host: VirtualProcess | undefined
  /** The leader that this host had joined. */
  readonly leader: VirtualProcess | undefined
  readonly publication: Publication
  readonly holder: Holder
  /** Which of its client's sessions it came in. */
  readonly epoch: number
  readonly lapses: number
  readonly at: number
  readonly attempt: number
  readonly redelivered: boolean
  /** When it fails unless it is settled; Infinity without `ackTimeout`, and while `handle` extends it. */
  readonly deadline: number
  state: DeliveryState
  /** All came to rest since, with its session in force: the host knows of it, whatever happens later. */
  isFirm: boolean
}

/**
 * What the host can have heard of this delivery is not for certain: its consumer is gone, its session was lost, it was silent,
 * or the host itself has ended.
 */
export function isInDoubt(delivery: Delivery): boolean {
  const { holder, epoch, lapses, isFirm } = delivery
  if (isFirm) return false
  if (mayBeUnkept(delivery.publication, delivery.account)) return true
  return holder.isGone || holder.epoch > epoch || holder.lapses > lapses || isOfHostBefore(delivery)
}

/** It came from another host, which sends it again if the disk here did not take it: then it is there twice. */
export function mayBeUnkept(
  { place, at, unkeptAt, isFirm }: Publication,
  { place: here }: SubscriptionAccount,
): boolean {
  return place !== here && (unkeptAt.has(here) || (!isFirm && here.failedAt >= at))
}

/** A host that it came by has ended since. */
export function isOfHostBefore(delivery: Delivery): boolean {
  const { account, incarnation, host, leader, holder, lapses } = delivery
  // What a leader that is dead had sent comes by way of its followers all the same.
  const isLate =
    account.incarnation > 0 &&
    holder.place !== account.place &&
    (holder.lapses > lapses || leader?.hasEnded === true)
  return account.incarnation > incarnation || host?.hasEnded === true || isLate
}

/** It may be on no disk that it was handed out. A host that ended in order wrote it down. */
export function mayBeUnwritten(delivery: Delivery): boolean {
  const { account, crashes, host, leader } = delivery
  const { isFirm, holder } = delivery
  if (isFirm) return false
  const isByWay = holder.place !== account.place
  // Between the two of them it may have been lost on its way.
  if (isByWay) return isOfHostBefore(delivery) && [host, leader].some(each => each?.hasWrittenAll !== true)
  const isLate = host?.hasEnded === true && !host.hasWrittenAll
  return isLate || account.crashes > crashes
}

/** It was in the memory of a host that has ended: what its publisher still waits for comes once more. */
export function isForgotten(delivery: Delivery): boolean {
  return delivery.account.wasForgotten && isOfHostBefore(delivery)
}

interface Firsts {
  readonly epoch: number
  readonly host: VirtualProcess | undefined
  /** By publisher and topic. */
  readonly lines: Map<string, Publication>
}

/** One subscription, and all that is known of it: what it is owed for certain, what perhaps, and what came. */
export class SubscriptionAccount {
  /** From this message on it is owed them for certain. */
  certainFrom: number | undefined
  /** When that was known. */
  #certainSince = 0
  /** It is being unsubscribed by name: nothing is owed for certain any more. */
  isVoid = false
  readonly deliveries = new Map<Publication, Delivery[]>()
  /** Of messages that became dead letters and were sent again. */
  readonly archived: Delivery[] = []
  /** Consumers whose process died or whose session expired: each may have failed what it was owed by then, once. */
  losses = 0
  /** The number of consumers that it has had. */
  consumers = 0
  /** By hosts that have ended. */
  droppedBefore = 0
  /** Its consumers come and go all the time. */
  isRestless = false
  /** How often the host that keeps it has ended. */
  incarnation = 0
  /** How often it did not end in order. */
  crashes = 0
  /** What it was owed has been forgotten with its host, once at least. */
  wasForgotten = false
  /** What it was owed was lost with a session or a host, once at least. */
  hasBegunAnew = false
  /** Dead letters that were sent to it again, to the end of its line. */
  replayed = 0
  readonly #replayed = new Set<Publication>()
  /** The numbers of dead letters that were purged. */
  readonly purged = new Map<Publication, number>()
  /** It was to be kept, and the disk did not take it; it is not in force. */
  #isUnkept = false
  #isForgottenByName = false
  /** Its name is known to the next host. */
  #isNameKept = false
  /** The host that had it before it let anybody in, without what waited in it. */
  #restoredBy: VirtualProcess | undefined
  #leaving = 0
  #lastReturn = -1
  /** The last first delivery to each consumer, by publisher and topic. */
  readonly #lastFirst = new Map<Holder, Firsts>()

  constructor(
    /** For people. */
    readonly key: string,
    readonly rules: Rules,
    /** How many messages had been published when it was asked for. */
    readonly begunAt: number,
    /** The host that keeps it. */
    readonly place: Place,
    /** The host of its consumers, if it has no name. */
    readonly by: Place,
  ) {}

  /** Without a name, and held by the leader. */
  get isReplay(): boolean {
    return !this.isNamed && this.rules.from !== undefined
  }

  get isNamed(): boolean {
    return this.rules.name !== undefined
  }

  of(publication: Publication): Delivery[] {
    let deliveries = this.deliveries.get(publication)
    if (deliveries === undefined) this.deliveries.set(publication, (deliveries = []))
    return deliveries
  }

  matches({ topic, headers }: Publication): boolean {
    const { tenant } = this.rules.match?.headers ?? {}
    return this.rules.pattern.test(topic) && (tenant === undefined || tenant === headers['tenant'])
  }

  /** What the van says is said of it. */
  isOf(said: { readonly name?: string; readonly pattern: string }): boolean {
    const { name, pattern } = this.rules
    return name === undefined ? said.pattern === String(pattern) : said.name === name
  }

  /** It failed often enough, counting consumers that may have died with it before they saw it. */
  mayBeDead(publication: Publication): boolean {
    return (
      this.mayBeAbandoned(publication) || this.failuresOf(publication) + this.losses >= this.rules.attempts
    )
  }

  /** As its consumers know. Of those that loops left in hand the last one counts. */
  failuresOf(publication: Publication): number {
    const failed = this.of(publication).filter(({ state }) => state === 'failed' || state === 'rejected')
    return failed.length + (this.mayBeAbandoned(publication) ? 1 : 0)
  }

  /** Loops left it in hand more than `attempts` times. */
  mayBeAbandoned(publication: Publication): boolean {
    const abandons = this.of(publication).filter(({ state }) => state === 'abandoned').length
    return abandons > this.rules.attempts
  }

  /** Not what was accepted before somebody asked for it. */
  mayOwe(publication: Publication): boolean {
    // What comes from another host was accepted before it arrives here.
    const isFromElsewhere = publication.place !== this.place
    const isInTime = publication.acceptedAt >= this.begunAt || isFromElsewhere
    const isRefused = publication.outcome === 'refused' && !(isFromElsewhere && publication.mayBeBeyond)
    return isInTime && !isRefused && this.matches(publication)
  }

  /** At rest: one whose publisher still waits has been accepted, and a full subscription keeps it from no other. */
  owes(publication: Publication): boolean {
    return (
      !this.isVoid &&
      this.certainFrom !== undefined &&
      (publication.outcome === 'accepted' || publication.outcome === 'open') &&
      (publication.number >= this.certainFrom || this.#wasTakenFor(publication)) &&
      this.#isReachedBy(publication) &&
      this.matches(publication)
    )
  }

  #isReachedBy({ place, isAstray, knownUntil }: Publication): boolean {
    if (place === this.place) return true
    return !isAstray && (knownUntil === undefined || this.#certainSince < knownUntil)
  }

  #wasTakenFor({ acceptedBy }: Publication): boolean {
    return acceptedBy !== undefined && acceptedBy === this.#restoredBy
  }

  /** A consumer goes, with messages that it never saw. @returns to be called when the host knows */
  goesAway(now: () => number): () => void {
    this.#leaving += 1
    return () => {
      this.#leaving = Math.max(0, this.#leaving - 1)
      this.#lastReturn = now()
    }
  }

  /** Since then somebody may have given back messages unseen, which come to others after what they had. */
  mayHaveReturnedSince(moment: number): boolean {
    return this.isRestless || this.#leaving > 0 || this.#lastReturn >= moment
  }

  /** All has come to rest: what its consumers said has arrived, and who went is known to be gone. */
  cameToRest(now: number): void {
    this.#leaving = 0
    this.#lastReturn = now
    for (const delivery of [...this.deliveries.values()].flat())
      if (delivery.state !== 'open' && !isInDoubt(delivery)) delivery.isFirm = true
  }

  /** A dead letter is sent to it again, as if it were new. @param copies as many letters */
  replays(publication: Publication, copies: number): void {
    this.replayed += copies
    this.#replayed.add(publication)
    this.archived.push(...this.of(publication))
    this.deliveries.delete(publication)
  }

  /** It comes out of turn. */
  wasReplayed(publication: Publication): boolean {
    return this.#replayed.has(publication)
  }

  /** The host that keeps it has ended. */
  hostEnded({ isKept, keepsNames, hasWrittenAll }: HostEnd): void {
    this.incarnation += 1
    if (!hasWrittenAll) this.crashes += 1
    // It may have taken back what a silent client held, and died before it could say so.
    if (this.rules.ackTimeout > 0) this.losses += 1
    if (!keepsNames) this.#isForgottenByName = true
    if (isKept) {
      // A replay that is not on the disk is one of the host that has ended. Its client goes on with what comes.
      if (this.#isUnkept && !this.isNamed) this.hasBegunAnew = true
      return
    }
    this.wasForgotten = true
    this.#restoredBy = undefined
    // Of one without a name its client has to be told first.
    if (!this.isNamed) return
    this.#isNameKept = keepsNames && (this.#isNameKept || this.certainFrom !== undefined)
    this.beginAnew()
  }

  /** Its host forgot the name, and its consumers come and go: there may have been none since. */
  get #mayBeGone(): boolean {
    return this.isNamed && this.isRestless && this.#isForgottenByName
  }

  /** Something came. @param published how much was published by now */
  isThere(published: number, now: number): void {
    if (!this.#isForgottenByName) return
    this.#isForgottenByName = false
    this.inForce(published, now)
  }

  /** The next one is there. */
  hostStarted(host: VirtualProcess, published: number, now: number): void {
    if (!this.#isNameKept) return
    this.#restoredBy = host
    this.inForce(published, now)
  }

  /** @param from the first message that it is owed for certain */
  inForce(from: number, now: number): void {
    this.#isUnkept = false
    if (this.certainFrom !== undefined || this.#mayBeGone) return
    this.certainFrom = from
    this.#certainSince = now
  }

  /** Its client is told that the disk has not taken it. */
  wasNotKept(): void {
    this.#isUnkept = this.certainFrom === undefined
  }

  /** Its consumer's session is lost, and what it was owed with it: it begins anew. */
  beginAnew(): void {
    this.certainFrom = undefined
    this.hasBegunAnew = true
  }

  /** @returns the one of this publisher and topic that came to this consumer before, for the first time */
  first({ holder, epoch, host, publication }: Delivery): Publication | undefined {
    const line = `${publication.publisher} ${publication.topic}`
    let firsts = this.#lastFirst.get(holder)
    // In a session with a host that was started again what was not known to be handed out comes once more.
    const isAnew = firsts !== undefined && firsts.epoch < epoch && firsts.host?.hasEnded === true
    if (firsts === undefined || isAnew) {
      firsts = { epoch, host, lines: new Map<string, Publication>() }
      this.#lastFirst.set(holder, firsts)
    }
    const before = firsts.lines.get(line)
    firsts.lines.set(line, publication)
    return before
  }
}
