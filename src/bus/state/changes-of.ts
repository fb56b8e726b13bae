import { Observable } from 'rxjs/internal/Observable'
import { decodePayload } from '../../codec/payload.js'
import { GapError } from '../../errors.js'
import type { Consumer } from '../contract/broker.js'
import { inboxRequest } from '../actors/reply-inbox.js'
import { stateTopic, type StateEntry } from '../contract/control.js'
import type { StatesOfBus } from './states-of-bus.js'

/** The newest value of a state, then each change. */
export function changesOf(topic: string, states: StatesOfBus): Observable<unknown> {
  return new Observable(subscriber => {
    const { broker } = states
    /** The version that was emitted last. */
    let version: number | undefined
    let loading = 0
    const emit = ({ version: next, value }: StateEntry): void => {
      version = next
      subscriber.next(value === undefined ? undefined : decodePayload(value))
    }
    // Changes come behind the answer, or are in it.
    const load = async (): Promise<void> => {
      const number = ++loading
      const before = version
      await broker.ready()
      const entry = await states.get(topic)
      if (subscriber.closed || number !== loading || version !== before) return
      if (version !== entry.version) emit(entry)
    }
    const look = (): void => {
      load().catch((error: unknown) => {
        if (version === undefined) subscriber.error(error)
      })
    }
    const consumer: Consumer = {
      next: message => {
        const change = message.payload as StateEntry
        if (version === undefined || change.version > version) emit(change)
        message.ack()
      },
      lapsed: look,
      error: error => subscriber.error(error),
      complete: () => subscriber.complete(),
    }
    const membership = broker.consume(
      { ...inboxRequest(stateTopic(topic)), overflow: 'drop-oldest' },
      consumer,
    )
    subscriber.add(() => membership.leave('unsubscribe'))
    subscriber.add(
      broker.state$.subscribe(state => {
        if (state === 'connected') look()
      }),
    )
    subscriber.add(
      broker.errors$.subscribe(error => {
        if (error instanceof GapError) look()
      }),
    )
  })
}
