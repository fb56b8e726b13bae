import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import { ActorPlacementError, RemoteError, TimeoutError } from '../../../errors.js'
import type { Placed, Wanted } from '../../../wire/calls/placing.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import { newActorId } from '../actor-starts.js'
import { throwRefusal } from './found.js'
import { fitting } from './placement-offers.js'
import { anotherMayDo, atHost, worst } from './placement-failures.js'

/** A caller whose actor fits no host learns that within ten seconds. */
export const PLACEMENT_MS = 9_000
/** The caller's host, if it is not this one, may take longer: no other host is asked meanwhile. */
export const ASKING_MS = 18_000

export interface PlacementOwner {
  readonly backbone: Backbone
  /** The actor may exist, and no caller will use it. */
  discard(van: string, placed: Placed): void
}

/** Finds the host for an actor: the caller's own if it fits, otherwise the least loaded one that fits. */
export class Placement {
  readonly #owner: PlacementOwner

  constructor(owner: PlacementOwner) {
    this.#owner = owner
  }

  /**
   * If it fails, nothing of the actor stays.
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

  /** @param within milliseconds. Undefined: no limit */
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
