import {
  isForgotten,
  isInDoubt,
  isOfHostBefore,
  mayBeUnkept,
  mayBeUnwritten,
  type Delivery,
  type SubscriptionAccount,
} from './account.js'
import type { Books } from './books.js'

/** All that a delivery must be, whatever happened before. */
export function checkDelivery(books: Books, account: SubscriptionAccount, delivery: Delivery): void {
  const { publication, holder, attempt, redelivered } = delivery
  const what = `#${publication.number} of ${account.key} to ${holder.name}`
  if (holder.hasLeft) books.violated(`${what}: handed out after it had unsubscribed`)
  // What a consumer had from a host that has died it keeps, also if the next one refuses it.
  const isKeptFromBefore = publication.outcome === 'refused' && isOfHostBefore(delivery)
  if (!isKeptFromBefore && !account.mayOwe(publication))
    books.violated(`${what}: not owed (${publication.outcome}, topic ${publication.topic})`)
  if (attempt > account.rules.attempts) books.violated(`${what}: attempt ${attempt}, more than there may be`)
  if (!redelivered && attempt > 1) books.violated(`${what}: attempt ${attempt} without the redelivered flag`)
  checkAgainstEarlier(books, account, delivery, what)
  const isInTurn = !account.wasReplayed(publication)
  const { ordered } = account.rules
  if (!redelivered && isInTurn && ordered !== 'key') checkFirst(books, account, delivery, what)
  if (ordered === true && isInTurn) checkOrdered(books, account, delivery, what)
  if (ordered === 'key' && publication.key !== undefined) {
    checkAlone(books, account, delivery, what)
    if (isInTurn) checkOrdered(books, account, delivery, what)
  }
  checkCredit(books, account, delivery, what)
}

function checkAgainstEarlier(
  books: Books,
  account: SubscriptionAccount,
  delivery: Delivery,
  what: string,
): void {
  const earlier = account.of(delivery.publication)
  for (const each of earlier) {
    if (!each.redelivered && !delivery.redelivered && !mayComeUnflagged(each, delivery))
      books.violated(`${what}: a second time without the redelivered flag`)
    const { state, holder } = each
    if (state === 'open' || state === 'acked' || state === 'rejected')
      books.suspect({
        text: `${what}: handed out again while ${state} at ${holder.name}`,
        isExcused: () => isForgotten(each) || isInDoubt(each) || isInDoubt(delivery),
      })
  }
  const failed = earlier.filter(({ state }) => state === 'failed')
  if (delivery.attempt <= failed.length)
    books.suspect({
      text: `${what}: attempt ${delivery.attempt} after ${failed.length} failures`,
      isExcused: () => [...failed, delivery].some(isInDoubt) || failed.some(isForgotten),
    })
}

/**
 * With a store: that it was handed out was on no disk when the host was killed, or comes from a host that has died, to a consumer that
 * stood still meanwhile. Without: its publisher sends it again.
 */
function mayComeUnflagged(earlier: Delivery, delivery: Delivery): boolean {
  const { publication, account } = delivery
  // Each copy has a letter of its own, and each letter comes as a new message.
  if (account.wasReplayed(publication) && mayBeUnkept(publication, account)) return true
  const isOfTwoHosts = mayBeUnwritten(earlier) || isOfHostBefore(delivery)
  return isOfTwoHosts && !account.wasForgotten
}

/** Per publisher and topic in publish order. What a leaving consumer gave back unseen comes to others after what they had. */
function checkFirst(books: Books, account: SubscriptionAccount, delivery: Delivery, what: string): void {
  const before = account.first(delivery)
  if (before === undefined || before.number < delivery.publication.number) return
  if (account.isNamed && account.mayHaveReturnedSince(delivery.publication.at)) return
  books.violated(`${what}: after #${before.number}, out of order`)
}

/** `ordered`: nothing passes a message that is not settled, unless that was dropped meanwhile; by key: nothing of its key. */
function checkOrdered(books: Books, account: SubscriptionAccount, delivery: Delivery, what: string): void {
  const { publication } = delivery
  const { overflow } = account.rules
  for (const [other, deliveries] of account.deliveries) {
    if (other.publisher !== publication.publisher || other.topic !== publication.topic) continue
    if (account.rules.ordered === 'key' && other.key !== publication.key) continue
    const last = deliveries.at(-1)
    if (last === undefined || account.wasReplayed(other)) continue
    // Of a host before: what was not on the disk comes once more, in order.
    if (deliveries.every(each => isForgotten(each) || (!each.isFirm && isOfHostBefore(each)))) continue
    const { state } = last
    const isOver = state === 'acked' || state === 'rejected'
    if (other.number > publication.number)
      books.suspect({
        text: `${what}: after #${other.number} of an ordered subscription`,
        isExcused: () => isInDoubt(delivery),
      })
    // A verdict that a client kept while its session was lost settles what failed at another consumer meanwhile.
    const mayBeKept = (each: Delivery): boolean => each.state === 'acked' && isInDoubt(each)
    if (other.number < publication.number && !isOver && overflow !== 'drop-oldest')
      books.suspect({
        text: `${what}: passes #${other.number} (${state}) in an ordered subscription`,
        isExcused: () => isInDoubt(last) || deliveries.some(mayBeKept) || account.mayBeDead(other),
      })
  }
}

/** By key: no other message of the key is at a consumer, whoever published it. */
function checkAlone(books: Books, account: SubscriptionAccount, delivery: Delivery, what: string): void {
  const { publication } = delivery
  for (const [other, deliveries] of account.deliveries) {
    if (other === publication || other.key !== publication.key) continue
    for (const each of deliveries)
      if (each.state === 'open')
        books.suspect({
          text: `${what}: #${other.number} of its key is at ${each.holder.name}`,
          isExcused: () => isInDoubt(each) || isInDoubt(delivery),
        })
  }
}

function checkCredit(books: Books, account: SubscriptionAccount, delivery: Delivery, what: string): void {
  const { holder } = delivery
  const { prefetch } = account.rules
  const others: Delivery[] = []
  for (const deliveries of account.deliveries.values()) {
    for (const each of deliveries)
      if (each.state === 'open' && each.holder === holder && !isInDoubt(each)) others.push(each)
  }
  if (others.length < prefetch) return
  const text = `${what}: ${others.length + 1} unsettled, more than prefetch ${prefetch}`
  if (holder.place === account.place) return books.violated(text)
  // By way of a follower it may have been taken back before its client knows.
  const isExcused = () => isInDoubt(delivery) || others.filter(each => !isInDoubt(each)).length < prefetch
  books.suspect({ text, isExcused })
}
