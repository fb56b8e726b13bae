import type { DeadLetter } from '../../src/bus/contract/dead-letters.js'
import type { SubscriptionStatus, VanStatus } from '../../src/bus/contract/status.js'
import {
  isForgotten,
  isInDoubt,
  mayBeUnkept,
  type Delivery,
  type Publication,
  type SubscriptionAccount,
} from './account.js'
import type { Books } from './books.js'

/** What the van says of itself when all has come to rest, held against what its users saw. */
export function checkRest(
  books: Books,
  status: Pick<VanStatus, 'subscriptions'>,
  letters: readonly DeadLetter[],
): void {
  for (const account of books.subscriptions.values()) {
    if (account.isVoid || account.certainFrom === undefined) continue
    const said = status.subscriptions.find(each => account.isOf(each))
    if (said === undefined) books.violated(`${account.key} is gone from the van`)
    else new AccountCheck(books, account, said, letters).run()
  }
}

class AccountCheck {
  readonly #books: Books
  readonly #account: SubscriptionAccount
  readonly #said: SubscriptionStatus
  readonly #letters: readonly DeadLetter[]
  readonly #deliveries: readonly Delivery[]

  constructor(
    books: Books,
    account: SubscriptionAccount,
    said: SubscriptionStatus,
    letters: readonly DeadLetter[],
  ) {
    this.#books = books
    this.#account = account
    this.#said = said
    this.#letters = letters.filter(({ subscription }) => subscription === (said.name ?? said.id))
    this.#deliveries = [...account.archived, ...[...account.deliveries.values()].flat()]
  }

  run(): void {
    const { pending, inFlight } = this.#said
    // What is still to be replayed is not counted as waiting: only when all of it has come is it known.
    if (this.#account.rules.from !== undefined && pending + inFlight > 0) return
    this.#checkEachOwed()
    this.#checkLetters()
    this.#checkFailures()
    if (this.#account.incarnation > 0) return this.#checkWaiting()
    // A lost session ends an unnamed subscription: the one that counts now is another one.
    if (this.#account.isNamed || this.#account.losses === 0) this.#checkCounts()
  }

  #complain(text: string): void {
    this.#books.violated(`${this.#account.key} at rest: ${text}`)
  }

  /** Of what it is owed for certain, all is acked, dead, waiting, or was dropped as its user chose. */
  #checkEachOwed(): void {
    const { pending, held, inFlight } = this.#said
    const dropped = this.#said.dropped + this.#account.droppedBefore
    const missing = this.#unsettled(
      publication => this.#account.owes(publication),
      ({ state }) => state === 'acked',
    )
    if (missing.length <= pending + held + inFlight + dropped) return
    this.#complain(
      `${missing.length} messages neither acked nor dead, but ${pending} pending, ${held} held, ${inFlight} in flight, ${dropped} dropped: ` +
        missing.map(({ number }) => `#${number}`).join(' '),
    )
  }

  /** Counters begin anew with each start of the host. What waits is not more than can be owed. */
  #checkWaiting(): void {
    const { pending, inFlight } = this.#said
    const possible = this.#unsettled(
      publication => this.#account.mayOwe(publication),
      each => each.state === 'acked' && !isInDoubt(each) && !isForgotten(each),
    )
    const most = possible.length + this.#mostTwice(possible) + this.#account.replayed
    if (pending + inFlight > most)
      this.#complain(
        `${pending} pending and ${inFlight} in flight, where at most ${most} are not settled: ` +
          possible.map(({ number }) => `#${number}`).join(' '),
      )
  }

  /** Neither dead letters, nor settled in this sense. */
  #unsettled(
    isOwed: (publication: Publication) => boolean,
    isSettled: (delivery: Delivery) => boolean,
  ): Publication[] {
    const dead = new Set(this.#letters.map(numberOf))
    return this.#books.publications.filter(
      publication =>
        isOwed(publication) &&
        !dead.has(publication.number) &&
        !this.#account.purged.has(publication) &&
        this.#account.deliveries.get(publication)?.some(isSettled) !== true,
    )
  }

  #checkLetters(): void {
    const seen = new Set<number>()
    for (const letter of this.#letters) {
      const number = numberOf(letter)
      const publication = this.#books.publications[number]
      if (publication === undefined || !this.#account.mayOwe(publication)) {
        this.#complain(`a dead letter of #${number}, which it was not owed`)
        continue
      }
      if (seen.has(number) && !mayBeUnkept(publication, this.#account))
        this.#complain(`two dead letters of #${number}`)
      seen.add(number)
      if (letter.error === '') this.#complain(`a dead letter of #${number} without a reason`)
      const deliveries = this.#account.of(publication)
      if (deliveries.some(each => each.state === 'acked' && !isInDoubt(each) && !isForgotten(each)))
        this.#complain(`#${number} is a dead letter, and was acked`)
      const isRejected = deliveries.some(({ state }) => state === 'rejected')
      const isAbandoned = letter.error === 'abandoned'
      if (isAbandoned && !this.#account.mayBeAbandoned(publication))
        this.#complain(`#${number} is a dead letter that loops did not leave often enough`)
      if (letter.attempts < this.#account.rules.attempts && !isRejected && !isAbandoned)
        this.#complain(`#${number} is a dead letter after ${letter.attempts} attempts, and was not rejected`)
      this.#checkAttempts(publication, letter.attempts)
    }
  }

  /** Nothing counts as a failure but what failed: not an unsubscribe, not a cut. */
  #checkFailures(): void {
    for (const [publication, deliveries] of this.#account.deliveries) {
      const most = Math.max(0, ...deliveries.map(({ attempt }) => attempt))
      this.#checkAttempts(publication, most - 1)
    }
  }

  #checkAttempts(publication: Publication, failures: number): void {
    const failed = this.#account.failuresOf(publication)
    if (failures > failed + this.#account.losses)
      this.#complain(
        `#${publication.number} is counted as failed ${failures} times; it failed ${failed} times, and ${this.#account.losses} consumers were lost`,
      )
  }

  #checkCounts(): void {
    const { acked, deadLettered, pending, held, inFlight, dropped, failed, delivered } = this.#said
    const { replayed } = this.#account
    const all = acked + deadLettered + pending + held + inFlight + dropped - replayed
    const certain = this.#books.publications.filter(each => this.#account.owes(each)).length
    const possible = this.#books.publications.filter(each => this.#account.mayOwe(each))
    if (all < certain || all > possible.length + this.#mostTwice(possible))
      this.#complain(
        `acked ${acked} + dead ${deadLettered} + pending ${pending} + held ${held} + in flight ${inFlight} + dropped ${dropped} - replayed ${replayed} = ${all}, ` +
          `where it is owed ${certain} for certain and at most ${possible.length}`,
      )
    const letters = this.#letters.length
    const purged = [...this.#account.purged.values()].reduce((sum, copies) => sum + copies, 0)
    if (deadLettered - replayed - purged !== letters)
      this.#complain(`${deadLettered} dead letters counted, ${replayed} replayed, ${letters} there`)
    this.#checkAgainstDeliveries('acked', acked, ['acked'])
    if (this.#account.losses === 0) this.#checkAgainstDeliveries('failed', failed, ['failed', 'rejected'])
    if (acked + failed + inFlight > delivered)
      this.#complain(`${acked} acked, ${failed} failed and ${inFlight} in flight of ${delivered} delivered`)
  }

  /** Each time that a host sends a message again which the disk did not take, it counts once more. */
  #mostTwice(publications: readonly Publication[]): number {
    const unkept = publications.filter(each => mayBeUnkept(each, this.#account))
    // What was dropped came to no consumer: the number of times is not known.
    if (unkept.length > 0 && this.#said.dropped > 0) return Infinity
    if (unkept.length === 0) return 0
    const seen = unkept.reduce((sum, each) => sum + this.#account.of(each).length, 0)
    // Copies also lie in the hands of consumers that are cut off or dead, and never saw them.
    const { consumers, losses, rules } = this.#account
    return seen + rules.prefetch * (consumers + losses)
  }

  #checkAgainstDeliveries(what: string, count: number, states: Delivery['state'][]): void {
    const all = this.#deliveries.filter(({ state }) => states.includes(state))
    const firm = all.filter(each => !isInDoubt(each)).length
    // A verdict that a client kept settles a copy, and that one never comes to it.
    const copies = new Set(all.filter(({ publication }) => mayBeUnkept(publication, this.#account)))
    const abandoned = states.includes('failed')
      ? this.#deliveries.filter(({ state }) => state === 'abandoned').length
      : 0
    if (count < firm || count > all.length + copies.size + abandoned)
      this.#complain(
        `${count} ${what}; consumers know of ${firm}, and of ${all.length - firm} that are in doubt`,
      )
  }
}

function numberOf({ payload }: DeadLetter): number {
  return (payload as { number: number }).number
}
