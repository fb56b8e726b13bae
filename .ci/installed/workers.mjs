// What a host runs in its workers: they must have the same msgvan and the same rxjs as these modules import.
import { map, Observable } from 'rxjs'
import { Actor, defineActor, handle, Message, publishTo, van } from 'msgvan'
import { isMainThread } from 'node:worker_threads'

const bus = isMainThread ? undefined : van()

/** Publishes what it gets, as the handler of a user would. */
export async function handler(message) {
  await bus.publish('handled', { isMessage: message instanceof Message, payload: message.payload })
}

export class Adder extends Actor {
  static requires = { adding: true }
  #sum = 0

  receive(message, context) {
    this.#sum += message.payload
    const topic$ = context.bus.topic('any')
    return {
      sum: this.#sum,
      isMessage: message instanceof Message,
      isObservable: topic$ instanceof Observable,
    }
  }
}

/** `handle` and `publishTo` know the messages of the worker's own bus. */
export const piped = defineActor({
  setup({ messages$, bus: own }) {
    messages$
      .pipe(
        handle(({ payload }) => payload * 2),
        map(number => number + 1),
        publishTo(own, 'piped'),
      )
      .subscribe()
  },
})
