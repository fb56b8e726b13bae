import { ReplaySubject } from 'rxjs/internal/ReplaySubject'

/** Replays the latest value, unlike a BehaviorSubject also after it has completed. */
export class CurrentState<S> extends ReplaySubject<S> {
  constructor(first: S) {
    super(1)
    this.next(first)
  }
}
