import type { SchedulerLike } from 'rxjs'
import { asyncScheduler } from 'rxjs/internal/scheduler/async'

/** The async scheduler, its `now` on the monotonic clock: durations hold when somebody sets the wall clock. */
export const monotonicScheduler: SchedulerLike = {
  now: () => performance.now(),
  schedule: asyncScheduler.schedule.bind(asyncScheduler),
}
