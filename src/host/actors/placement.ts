import type { ActorAddress } from '../../bus/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/actors.js'
import type { HostStatus } from '../../bus/status.js'
import {
  ActorPlacementError,
  ActorStartError,
  ClosedError,
  describe,
  HandlerModuleError,
  RemoteError,
  TimeoutError,
  UnsupportedError,
} from '../../errors.js'
import type { Backbone } from '../backbone/backbone.js'
import { inTime } from '../backbone/host-requests.js'
import { fieldsOf } from '../call-fields.js'
import { newActorId } from './actors.js'
import { throwRefusal } from './found.js'

/** An actor that somebody wants, on whichever host will do. */
export interface Wanted {
  readonly van: string
  readonly request: ActorRequest
  /** The host of whoever wants it, which is tried first. */
  readonly asking: string
  /** By which that host, and no other, knows whether they may name any module. */
  readonly ticket: string
}

/** Where it is now. */
export interface Placed {
  readonly self: ActorAddress
  readonly host: string
}

/** Whoever wants an actor that no host will take hears of it within ten seconds. */
const PLACEMENT_MS = 9_000
/** The host of whoever wants it, if it is not this one, may take longer: nobody else is asked meanwhile. */
const ASKING_MS = 18_000
const OFFER_MS = 2_000

/** Says of a host's refusal that another one may do. */
const GOES_ON = [ActorPlacementError, HandlerModuleError]
/** Likewise of a host that is not the one that asks. */
const GOES_ON_ELSEWHERE = [...GOES_ON, RemoteError, TimeoutError, UnsupportedError, ClosedError]

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
      if (!GOES_ON.some(kind => error instanceof kind)) throw error
      failures.push(error)
      if (error instanceof ActorPlacementError) requires = { ...requires, ...error.requires }
    }
    for (const host of await this.#others(wanted.asking, requires)) {
      const left = Math.round(until - performance.now())
      if (left <= 0) break
      try {
        return await this.#startAt(host.id, wanted, left)
      } catch (error) {
        failures.push(atHost(host, error))
        if (!GOES_ON_ELSEWHERE.some(kind => error instanceof kind)) break
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

  /** Those that have what it requires, as far as that is known before its class is loaded there; the least loaded first. */
  async #others(asking: string, requires: CapabilityValues): Promise<HostStatus[]> {
    const { backbone } = this.#owner
    const others = backbone.members.list().filter(({ id }) => id !== asking)
    const offers = await Promise.allSettled(
      others.map(async host => {
        const offer = backbone.request(host.id, 'actors.offer', { requires })
        const fields = fieldsOf(await inTime(offer, OFFER_MS, `Host ${host.id}`))
        return { host, fits: !fields.has('lacks'), load: fields.whole('load') }
      }),
    )
    return offers
      .flatMap(offer => (offer.status === 'fulfilled' && offer.value.fits ? [offer.value] : []))
      .sort((one, other) => one.load - other.load)
      .map(({ host }) => host)
  }
}

/** The same, saying of which host it is. */
function atHost({ address, port }: HostStatus, error: unknown): unknown {
  if (error instanceof ActorPlacementError) return error
  return new ActorStartError(`On the host at ${address}:${port}: ${describe(error)}`, { cause: error })
}

/**
 * What whoever asked can do something about: a host that had all it takes, and failed, says more than one that lacks something. That
 * one could not load the module is a failure too, unless nobody knows whether it would have done: the class has a function.
 */
function worst(failures: readonly unknown[]): unknown {
  const lacking = failures.find(each => each instanceof ActorPlacementError)
  const failed = failures.filter(each => !(each instanceof ActorPlacementError))
  const isUnknown = lacking !== undefined && lacking.requires === undefined
  const failure = failed.find(each => !isUnknown || !isUnloaded(each)) ?? lacking ?? failures[0]
  if (failure instanceof HandlerModuleError) return new ActorStartError(failure.message, { cause: failure })
  if (failure !== lacking || lacking === undefined || failed.length === 0) return failure
  const refusals = failed.map(each => (each instanceof Error ? each.message : describe(each)))
  return new ActorPlacementError(`${lacking.message} Some could not load it to know: ${refusals.join(' ')}`)
}

function isUnloaded(failure: unknown): boolean {
  const cause = failure instanceof ActorStartError ? failure.cause : failure
  return cause instanceof HandlerModuleError
}
