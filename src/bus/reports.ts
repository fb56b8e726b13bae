import { Subject } from 'rxjs/internal/Subject'
import type { MsgvanError } from '../errors.js'

/** What a broker could tell no caller. */
export class Reports {
  readonly errors$ = new Subject<MsgvanError>()
  /** What is reported once `errors$` has ended: a publish that came too late. */
  readonly late$ = new Subject<MsgvanError>()
  #isOver = false

  report(error: MsgvanError): void {
    const reports$ = this.#isOver ? this.late$ : this.errors$
    reports$.next(error)
  }

  end(): void {
    this.#isOver = true
    this.errors$.complete()
  }
}
