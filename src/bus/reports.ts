import { Subject } from 'rxjs/internal/Subject'
import type { MsgvanError } from '../errors.js'

/** What a broker could tell no caller. */
export class Reports {
  readonly errors$ = new Subject<MsgvanError>()
  /** What cannot be told there: once `errors$` has ended, and of its own subscribers. */
  readonly late$ = new Subject<MsgvanError>()
  #isOver = false

  /** @param toLogOnly it comes from one of those who are told */
  report(error: MsgvanError, toLogOnly = false): void {
    const reports$ = this.#isOver || toLogOnly ? this.late$ : this.errors$
    reports$.next(error)
  }

  end(): void {
    this.#isOver = true
    this.errors$.complete()
  }
}
