import { once } from 'node:events'
import { Redis } from 'ioredis'
import { asIs, inWindow, type Form, type Peer } from './peer.js'

const READ_AT_ONCE = 1_000

type Read = [stream: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null

/** Redis Streams, each append synced before it is answered; read by one reader, without a group. */
export async function openRedisStreams(port: number, form: Form): Promise<Peer> {
  const open = () =>
    new Redis({ port, host: '127.0.0.1', enableAutoPipelining: true, retryStrategy: () => null })
  const redis = open()
  await once(redis, 'ready')
  let reading: Redis | undefined
  return {
    spell: asIs,
    subscribe: async (root, take) => {
      reading = open()
      await once(reading, 'ready')
      void read(reading, root, (topic, payload) =>
        take(topic, form === 'bytes' ? payload : JSON.parse(payload.toString())),
      ).catch(() => undefined) // its connection was closed
    },
    publish: stream =>
      inWindow(stream, (topic, value) =>
        redis.xadd(
          topic.split('.', 1)[0] ?? '',
          '*',
          't',
          topic,
          'p',
          form === 'bytes' ? (value as Buffer) : JSON.stringify(value),
        ),
      ),
    close: () => {
      redis.disconnect()
      reading?.disconnect()
    },
  }
}

async function read(
  redis: Redis,
  stream: string,
  take: (topic: string, payload: Buffer) => void,
): Promise<never> {
  let last: string | Buffer = '0'
  for (;;) {
    const found: Read = await redis.xreadBuffer('COUNT', READ_AT_ONCE, 'BLOCK', 0, 'STREAMS', stream, last)
    for (const [, entries] of found ?? []) {
      for (const [id, fields] of entries) {
        last = id
        take(fields[1]?.toString() ?? '', fields[3] ?? Buffer.alloc(0))
      }
    }
  }
}
