import eventemitter2 from 'eventemitter2'
import mqemitter from 'mqemitter'
import { filter, Subject } from 'rxjs'
import { van } from '../../src/index.js'

export interface Payload {
  readonly n: number
}

/** What was handed to subscribers: how many, and the sum of their numbers. */
export interface Tally {
  count: number
  sum: number
}

/** One way to get messages from here to there in one process. */
export interface Bus {
  /** A promise: a publisher may wait for it now and then. */
  publish(topic: string, payload: Payload): unknown
  close(): unknown
}

/** @param areas each is a pattern, and topics are `<area>.<something>` */
export type MakeBus = (areas: readonly string[], tally: Tally) => Bus

export const contenders = {
  msgvan: (areas, tally) => {
    const bus = van({ embedded: true })
    for (const area of areas) {
      bus.topic<Payload>(new RegExp(`^${area}\\.`)).subscribe(message => {
        tally.count += 1
        tally.sum += message.payload.n
      })
    }
    return { publish: (topic, payload) => bus.publish(topic, payload), close: () => bus.close() }
  },

  'Subject + filter': (areas, tally) => {
    const subject = new Subject<{ topic: string; payload: Payload }>()
    for (const area of areas) {
      const pattern = new RegExp(`^${area}\\.`)
      subject.pipe(filter(message => pattern.test(message.topic))).subscribe(message => {
        tally.count += 1
        tally.sum += message.payload.n
      })
    }
    return { publish: (topic, payload) => subject.next({ topic, payload }), close: () => subject.complete() }
  },

  EventEmitter2: (areas, tally) => {
    const emitter = new eventemitter2.EventEmitter2({ wildcard: true, delimiter: '.' })
    for (const area of areas) {
      emitter.on(`${area}.*`, (payload: Payload) => {
        tally.count += 1
        tally.sum += payload.n
      })
    }
    return {
      publish: (topic, payload) => emitter.emit(topic, payload),
      close: () => emitter.removeAllListeners(),
    }
  },

  mqemitter: (areas, tally) => {
    const emitter = mqemitter({ separator: '.' })
    for (const area of areas) {
      emitter.on(`${area}.+`, (message, done) => {
        tally.count += 1
        tally.sum += (message['payload'] as Payload).n
        done()
      })
    }
    return {
      publish: (topic, payload) => emitter.emit({ topic, payload }),
      close: () => emitter.close(() => undefined),
    }
  },
} as const satisfies Record<string, MakeBus>

export type ContenderName = keyof typeof contenders
export const contenderNames = Object.keys(contenders) as ContenderName[]
