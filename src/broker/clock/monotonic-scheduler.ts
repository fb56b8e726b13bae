import type { SchedulerLike } from 'rxjs'
import { asyncScheduler } from 'rxjs/internal/scheduler/async'

/** The async scheduler with `now` on the monotonic clock: durations stay right when the wall clock is set. */
export const monotonicScheduler: SchedulerLike = {
  now: () => performance.now(),
  schedule: asyncScheduler.schedule.bind(asyncScheduler),
}
