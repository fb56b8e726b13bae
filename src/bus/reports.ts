import { Subject } from 'rxjs/internal/Subject'
import type { MsgvanError } from '../errors.js'

/** Errors of a broker that no call could report. */
export class Reports {
  readonly errors$ = new Subject<MsgvanError>()
  /** Errors that `errors$` cannot carry: those after its end, and those of its own subscribers. */
  readonly late$ = new Subject<MsgvanError>()
  #isOver = false

  /**
   * @param toLogOnly the error comes from a subscriber of `errors$`
   */
  report(error: MsgvanError, toLogOnly = false): void {
    const reports$ = this.#isOver || toLogOnly ? this.late$ : this.errors$
    reports$.next(error)
  }

  end(): void {
    this.#isOver = true
    this.errors$.complete()
  }
}
