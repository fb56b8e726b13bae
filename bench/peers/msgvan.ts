import { van } from '../../src/index.js'
import { asIs, type Peer } from './peer.js'

/** Finds its host as an app does, as this user or with a token. */
export async function openMsgvan(port: number): Promise<Peer> {
  const token = process.env['MSGVAN_BENCH_TOKEN']
  const bus = van({ port, autoStart: false, ...(token === undefined ? {} : { token }) })
  await bus.ready()
  return {
    spell: asIs,
    subscribe: (root, take) => {
      bus
        .topic(new RegExp(`^${root}\\.(eu|us)\\.`))
        .subscribe(message => take(message.topic, message.payload))
      return bus.ready()
    },
    /** A plain loop that waits now and then. */
    publish: async ({ topics, count, payload, window }) => {
      let last: Promise<void> | undefined
      for (let i = 0; i < count; i += 1) {
        last = bus.publish(topics[i % topics.length] ?? '', payload(i))
        if (i % window === window - 1) await last
      }
      await last
    },
    answer: topic => {
      bus.reply(topic, ({ payload }) => payload)
      return bus.ready()
    },
    request: (topic, payload) => bus.request(topic, payload),
    close: () => bus.close(),
  }
}
