import { areSameSights, type Sight } from '../../bus/contract/sight.js'
import { LimitError } from '../../errors.js'
import { View } from './view.js'

/** More principals than a host's file may have. */
const MOST_OWNERS = 10_000

/** The views of the makers of names, each made when first asked. */
const views = new WeakMap<Sight, View>()

/** The view of this very sight. */
export function viewOf(sight: Sight): View {
  let view = views.get(sight)
  if (view === undefined) views.set(sight, (view = new View(sight)))
  return view
}

/** What the principals of another host may see, as that host says: one view each, for all their subscriptions. */
export class FollowerViews {
  readonly #byOwner = new Map<string, View>()

  /**
   * @returns the view of that principal, by these rules from now on
   * @throws LimitError
   */
  viewFor(sight: Sight): View {
    const known = this.#byOwner.get(sight.owner)
    if (known === undefined) {
      if (this.#byOwner.size >= MOST_OWNERS)
        throw new LimitError(`A host has subscriptions of more than ${MOST_OWNERS} principals.`)
      const view = new View(sight)
      this.#byOwner.set(sight.owner, view)
      return view
    }
    if (!areSameSights(known.sight, sight)) known.renew(sight)
    return known
  }

  /** The rights of that principal have changed. No-op if it has no subscription here. */
  renew(sight: Sight): void {
    this.#byOwner.get(sight.owner)?.renew(sight)
  }
}
