import type { Membership } from '../contract/broker.js'
import type { PipelineSubscription, PipelineOwner } from './pipeline-subscription.js'
import type { Passing } from './passing.js'

/** A pipeline with subscriptions that broke off. */
export interface BrokenOffRun<R extends PipelineOwner> extends PipelineOwner {
  /**
   * One that it keeps for a resubscription.
   *
   * @param onlyNow skips those that wait for a later resubscription
   */
  takeKept(fits: Fits<R>, onlyNow?: boolean): Membership | undefined
  /** One whose teardown is still to come. */
  takeStopped(fits: Fits<R>): Membership | undefined
}

export type Fits<R extends PipelineOwner> = (subscription: PipelineSubscription<R>) => boolean

/**
 * The membership that broke off, if this subscription comes back for it. The same topic comes before a topic with the same
 * request.
 *
 * @param beyond the pipeline behind a Subject
 * @param innermost the error or completion that passes on this call stack
 */
export function reclaim<R extends BrokenOffRun<R>>(
  subscription: PipelineSubscription<R>,
  beyond: R | undefined,
  innermost: Passing<R> | undefined,
): Membership | undefined {
  const { source } = subscription
  if (source.isNamed) return undefined
  return (
    takeBrokenOff(subscription, each => each.source === source, beyond, innermost) ??
    takeBrokenOff(subscription, each => each.isAlike(source), beyond, innermost)
  )
}

function takeBrokenOff<R extends BrokenOffRun<R>>(
  subscription: PipelineSubscription<R>,
  fits: Fits<R>,
  beyond: R | undefined,
  innermost: Passing<R> | undefined,
): Membership | undefined {
  const { run } = subscription
  const own = run.takeKept(fits) ?? run.takeStopped(fits) ?? beyond?.takeKept(fits)
  if (own !== undefined) return own
  // Hand-made operators subscribe again while the error arrives at the end of another pipeline.
  for (let each = innermost; each !== undefined; each = each.outer) {
    if (each.cause !== 'error' || each.run === run) continue
    const other = each.run.takeKept(fits, true) ?? each.run.takeStopped(fits)
    if (other === undefined) continue
    subscription.from = each.run
    return other
  }
  return undefined
}
