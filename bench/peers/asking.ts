import type { Observable } from 'rxjs'
import { lastValueFrom, map, range, tap } from 'rxjs'
import { van } from '../../src/index.js'
import { openPeer, type Kind } from './peer.js'

/** A way to ask another process for a stream of values: by remote observables, or by hand over topics, one to ask and one to answer on. */
export interface Asking {
  /** From now on whoever asks gets so many values. */
  offer(value: (number: number) => Buffer): Promise<void>
  /** Resolves when all of them came. */
  ask(count: number, take: (value: unknown) => void): Promise<void>
  close(): unknown
}

export type Way = 'observe' | Kind

/** Answers on their way at most, where it is done by hand. */
const WINDOW = 1_000

export async function openAsking(way: Way, port: number): Promise<Asking> {
  return way === 'observe' ? byObserving(port) : byHand(way, port)
}

async function byObserving(port: number): Promise<Asking> {
  const bus = van({ port, autoStart: false })
  await bus.ready()
  return {
    offer: value => {
      bus.expose('values', (count: number): Observable<Buffer> => range(0, count).pipe(map(value)))
      return bus.ready()
    },
    ask: async (count, take) => {
      await lastValueFrom(bus.observe<number, Buffer>('values', count).pipe(tap(take)))
    },
    close: () => bus.close(),
  }
}

async function byHand(kind: Kind, port: number): Promise<Asking> {
  const peer = await openPeer(kind, port, 'bytes')
  let came: (value: unknown) => void = () => undefined
  let isListening = false
  return {
    offer: value =>
      peer.subscribe('ask', (_, question) => {
        const count = Number(Buffer.from(question as Uint8Array).toString())
        void peer.publish({ topics: ['answer.eu.0'], count, payload: value, window: WINDOW })
      }),
    ask: async (count, take) => {
      if (!isListening) await peer.subscribe('answer', (_, value) => came(value))
      isListening = true
      let missing = count
      const all = new Promise<void>(resolve => {
        came = value => {
          take(value)
          missing -= 1
          if (missing === 0) resolve()
        }
      })
      await peer.publish({
        topics: ['ask.eu.0'],
        count: 1,
        payload: () => Buffer.from(String(count)),
        window: 1,
      })
      await all
    },
    close: () => peer.close(),
  }
}
