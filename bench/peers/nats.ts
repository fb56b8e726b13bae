import { connect } from '@nats-io/transport-node'
import { asIs, type Form, type Peer } from './peer.js'

/** NATS core: at most once, nothing is acknowledged. A callback, not the iterator, because it is the faster of the two. */
export async function openNats(port: number, form: Form): Promise<Peer> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false })
  return {
    spell: asIs,
    subscribe: async (root, take) => {
      connection.subscribe(`${root}.eu.>`, {
        callback: (error, message) => {
          if (error !== null) throw error
          take(message.subject, form === 'bytes' ? message.data : message.json())
        },
      })
      await connection.flush()
    },
    publish: async ({ topics, count, payload, window }) => {
      for (let i = 0; i < count; i += 1) {
        const value = payload(i)
        connection.publish(
          topics[i % topics.length] ?? '',
          form === 'bytes' ? (value as Uint8Array) : JSON.stringify(value),
        )
        if (i % window === window - 1) await connection.flush()
      }
      await connection.flush()
    },
    answer: async topic => {
      connection.subscribe(topic, {
        callback: (error, message) => {
          if (error !== null) throw error
          message.respond(message.data)
        },
      })
      await connection.flush()
    },
    request: async (topic, payload) => (await connection.request(topic, payload, { timeout: 10_000 })).data,
    close: () => connection.close(),
  }
}
