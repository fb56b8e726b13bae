import type { CapabilityValues } from '../../../bus/contract/actors.js'
import type { HostStatus } from '../../../bus/contract/status.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'

export interface Offer {
  readonly host: HostStatus
  /** The number of its workers. */
  readonly load: number
}

const OFFER_MS = 2_000

/**
 * Hosts that meet an actor's requirements, as far as that is known before its class is loaded there; the least loaded first.
 *
 * @param id of that actor: instances of an earlier coordinator do not count as load, because they end when new ones start
 */
export async function fitting(backbone: Backbone, requires: CapabilityValues, id?: string): Promise<Offer[]> {
  const offers = await Promise.allSettled(
    backbone.members.list().map(async host => {
      const offer = backbone.request(host.id, 'actors.offer', { requires, id })
      const { lacks, load } = await inTime(offer, OFFER_MS, `Host ${host.id}`)
      return { host, fits: lacks === undefined, load }
    }),
  )
  return offers
    .flatMap(offer => (offer.status === 'fulfilled' && offer.value.fits ? [offer.value] : []))
    .sort((one, other) => one.load - other.load)
}

/**
 * Shares instances out, each to the host that has the fewest workers by then.
 *
 * @param first the host that comes first among equally loaded ones
 */
export function shareOut(
  numbers: readonly number[],
  offers: readonly Offer[],
  first: string,
): { readonly host: HostStatus; readonly numbers: number[] }[] {
  const isFirst = (host: HostStatus): number => Number(host.id === first)
  const shares = [...offers]
    .sort((one, other) => isFirst(other.host) - isFirst(one.host))
    .map(({ host, load }) => ({ host, load, numbers: [] as number[] }))
  for (const number of numbers) {
    const [least, ...others] = shares
    if (least === undefined) break
    const share = others.reduce((best, each) => (each.load < best.load ? each : best), least)
    share.load += 1
    share.numbers.push(number)
  }
  return shares.filter(share => share.numbers.length > 0)
}
