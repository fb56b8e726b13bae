import type { Subscriber, TeardownLogic } from 'rxjs'
import { errorsIn } from './rxjs-internals.js'

/**
 * What a teardown (`finalize`) throws comes out of the call that closes the subscriber: an end of the source (there,
 * RxJS or a timer would end the process), or an unsubscription. It must not come out of any.
 */
export function guardUnsubscribe<T>(subscriber: Subscriber<T>, threw: (error: unknown) => void): void {
  const unsubscribe = subscriber.unsubscribe.bind(subscriber)
  const add = subscriber.add.bind(subscriber)
  const guarded = (call: () => void): void => {
    try {
      call()
    } catch (thrown) {
      errorsIn(thrown).forEach(threw)
    }
  }
  subscriber.unsubscribe = () => guarded(unsubscribe)
  // A source that ends at once is closed by then, and its teardown runs here.
  subscriber.add = (teardown: TeardownLogic) => guarded(() => add(teardown))
}
