import { describe, MiddlewareError, MsgvanError } from '../errors.js'
import type { Broker } from './contract/broker.js'

/** An app need not look at the promise of a publish, so a refusal is reported as well. */
export class Refusals {
  readonly #broker: Broker
  /** Undefined: it reports none. */
  report: ((error: unknown) => void) | undefined

  constructor(broker: Broker) {
    this.#broker = broker
    this.report = this.#report
  }

  readonly #report = (error: unknown): void => {
    // An app that publishes each error of `errors$` must not cause an endless loop.
    this.report = undefined
    try {
      this.#broker.report(
        error instanceof MsgvanError
          ? error
          : new MiddlewareError(`A middleware refused a publish: ${describe(error)}`, { cause: error }),
      )
    } finally {
      this.report = this.#report
    }
  }
}
