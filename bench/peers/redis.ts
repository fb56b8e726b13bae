import { once } from 'node:events'
import { Redis } from 'ioredis'
import { asIs, type Form, type Peer } from './peer.js'

/** Redis pub/sub: at most once; the answer to a publish says how many it was sent to. */
export async function openRedis(port: number, form: Form): Promise<Peer> {
  const redis = new Redis({ port, host: '127.0.0.1', enableAutoPipelining: true, retryStrategy: () => null })
  await once(redis, 'ready')
  return {
    spell: asIs,
    subscribe: async (root, take) => {
      if (form === 'bytes')
        redis.on('pmessageBuffer', (_pattern, topic: Buffer, payload: Buffer) =>
          take(topic.toString(), payload),
        )
      else
        redis.on('pmessage', (_pattern, topic: string, payload: string) => take(topic, JSON.parse(payload)))
      await redis.psubscribe(`${root}.eu.*`)
    },
    publish: async ({ topics, count, payload, window }) => {
      let last: Promise<unknown> | undefined
      for (let i = 0; i < count; i += 1) {
        const value = payload(i)
        last = redis.publish(
          topics[i % topics.length] ?? '',
          form === 'bytes' ? (value as Buffer) : JSON.stringify(value),
        )
        if (i % window === window - 1) await last
      }
      await last
    },
    close: () => redis.disconnect(),
  }
}
