import type { Placed, Wanted } from './wanted.js'
import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import { ActorPlacementError, RemoteError, TimeoutError } from '../../../errors.js'
import type { Backbone } from '../../backbone/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import { newActorId } from '../actors.js'
import { throwRefusal } from './found.js'
import { fitting } from './placement-offers.js'
import { anotherMayDo, atHost, worst } from './placement-failures.js'

/** Whoever wants an actor that no host will take hears of it within ten seconds. */
export const PLACEMENT_MS = 9_000
/** The host of whoever wants it, if it is not this one, may take longer: nobody else is asked meanwhile. */
export const ASKING_MS = 18_000

export interface PlacementOwner {
  readonly backbone: Backbone
  /** It may have been made, and nobody will use it. */
  discard(van: string, placed: Placed): void
}

/** Finds the host for an actor: that of whoever asks if it will do, else the least loaded one that does. */
export class Placement {
  readonly #owner: PlacementOwner

  constructor(owner: PlacementOwner) {
    this.#owner = owner
  }

  /**
   * Nothing half-made stays of it if it fails.
   *
   * @throws ActorPlacementError, ActorStartError, ActorStoppedError (its parent), ClosedError, RemoteError, TimeoutError
   */
  async place(wanted: Wanted): Promise<Placed> {
    const until = performance.now() + PLACEMENT_MS
    const failures: unknown[] = []
    let { requires } = wanted.request
    const isHere = wanted.asking === this.#owner.backbone.members.self.id
    try {
      return await this.#startAt(wanted.asking, wanted, isHere ? undefined : ASKING_MS)
    } catch (error) {
      if (!anotherMayDo(error, true)) throw error
      failures.push(error)
      if (error instanceof ActorPlacementError) requires = { ...requires, ...error.requires }
    }
    const offers = await fitting(this.#owner.backbone, requires)
    for (const { host } of offers.filter(offer => offer.host.id !== wanted.asking)) {
      const left = Math.round(until - performance.now())
      if (left <= 0) break
      try {
        return await this.#startAt(host.id, wanted, left)
      } catch (error) {
        failures.push(atHost(host, error))
        if (!anotherMayDo(error, false)) break
      }
    }
    throw worst(failures)
  }

  /** @param within milliseconds. Undefined: as long as it takes */
  async #startAt(host: string, wanted: Wanted, within: number | undefined): Promise<Placed> {
    const id = newActorId()
    const { name } = wanted.request
    const self: ActorAddress = { id, ...(name === undefined ? {} : { name }) }
    const started = this.#owner.backbone.request(host, 'actors.start', { ...wanted, id, within })
    try {
      throwRefusal(await (within === undefined ? started : inTime(started, within + 1_000, `Host ${host}`)))
    } catch (error) {
      if (error instanceof RemoteError || error instanceof TimeoutError)
        this.#owner.discard(wanted.van, { self, host })
      throw error
    }
    return { self, host }
  }
}
