import type { Observer, TeardownLogic } from 'rxjs'
import { SafeSubscriber } from 'rxjs/internal/Subscriber'
import { errorsIn } from './rxjs-internals.js'

/**
 * What a teardown (`finalize`) throws comes out of the call that closes the subscriber: an end of the source (there,
 * RxJS or a timer would end the process), or an unsubscription. Here it comes out of none.
 */
export class WorkSubscriber<R> extends SafeSubscriber<R> {
  readonly #threw: (error: unknown) => void

  constructor(observer: Observer<R>, threw: (error: unknown) => void) {
    super(observer)
    this.#threw = threw
  }

  override unsubscribe(): void {
    try {
      super.unsubscribe()
    } catch (thrown) {
      errorsIn(thrown).forEach(this.#threw)
    }
  }

  /** A source that ends at once is closed by then, and its teardown runs here. */
  override add(teardown: TeardownLogic): void {
    try {
      super.add(teardown)
    } catch (thrown) {
      errorsIn(thrown).forEach(this.#threw)
    }
  }
}
