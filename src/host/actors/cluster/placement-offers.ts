import type { CapabilityValues } from '../../../bus/contract/actors.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import type { Backbone } from '../../backbone/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import { fieldsOf } from '../../calls/call-fields.js'

export interface Offer {
  readonly host: HostStatus
  /** So many workers run there. */
  readonly load: number
}

const OFFER_MS = 2_000

/**
 * Hosts that have what an actor requires, as far as that is known before its class is loaded there; the least loaded first.
 *
 * @param id of that actor: instances of it that a keeper before this one left behind are no load, since they make room
 */
export async function fitting(backbone: Backbone, requires: CapabilityValues, id?: string): Promise<Offer[]> {
  const offers = await Promise.allSettled(
    backbone.members.list().map(async host => {
      const offer = backbone.request(host.id, 'actors.offer', {
        requires,
        ...(id === undefined ? {} : { id }),
      })
      const fields = fieldsOf(await inTime(offer, OFFER_MS, `Host ${host.id}`))
      return { host, fits: !fields.has('lacks'), load: fields.whole('load') }
    }),
  )
  return offers
    .flatMap(offer => (offer.status === 'fulfilled' && offer.value.fits ? [offer.value] : []))
    .sort((one, other) => one.load - other.load)
}

/**
 * Deals instances out, each to the host that has the fewest workers by then.
 *
 * @param first among equals
 */
export function deal(
  numbers: readonly number[],
  offers: readonly Offer[],
  first: string,
): { readonly host: HostStatus; readonly numbers: number[] }[] {
  const isFirst = (host: HostStatus): number => Number(host.id === first)
  const hands = [...offers]
    .sort((one, other) => isFirst(other.host) - isFirst(one.host))
    .map(({ host, load }) => ({ host, load, numbers: [] as number[] }))
  for (const number of numbers) {
    const [least, ...others] = hands
    if (least === undefined) break
    const hand = others.reduce((best, each) => (each.load < best.load ? each : best), least)
    hand.load += 1
    hand.numbers.push(number)
  }
  return hands.filter(hand => hand.numbers.length > 0)
}
