/** What payloads are: Buffers as they are, or small objects, which peers that carry only bytes send as JSON. */
export type Form = 'bytes' | 'object'

export type Take = (topic: string, payload: unknown) => void

export interface Stream {
  /** In turn. */
  readonly topics: readonly string[]
  readonly count: number
  readonly payload: (number: number) => unknown
  /** At most so many on their way, where this kind says when one has arrived; a pause for the loop after so many elsewhere. */
  readonly window: number
}

/** One connection of one kind, as its users would write it. */
export interface Peer {
  /** A topic as this kind spells it. */
  spell(topic: string): string
  /** To all topics that begin with `root.eu.`; resolves when it is in force. */
  subscribe(root: string, take: Take): Promise<void>
  /** Resolves when all is handed over, and acknowledged where this kind does that. */
  publish(stream: Stream): Promise<void>
  /** Answers each request on that topic with its payload. Undefined: this kind has no requests. */
  answer?(topic: string): Promise<void>
  /** Resolves with the answer. */
  request?(topic: string, payload: Uint8Array): Promise<unknown>
  close(): unknown
}

export const kinds = ['msgvan', 'nats', 'redis', 'mqtt', 'jetstream', 'socket.io'] as const
/** Those that keep on a disk what they acknowledge, and msgvan's host without a store to compare with. */
export const storeKinds = ['msgvan-store', 'msgvan', 'jetstream-file', 'redis-streams'] as const
export type Kind = (typeof kinds)[number] | (typeof storeKinds)[number]

export const kindNames: Readonly<Record<Kind, string>> = {
  msgvan: 'msgvan',
  nats: 'NATS core',
  redis: 'Redis pub/sub',
  mqtt: 'MQTT QoS 1',
  jetstream: 'JetStream, memory',
  'socket.io': 'socket.io, emitWithAck',
  'msgvan-store': 'msgvan, store',
  'jetstream-file': 'JetStream, file',
  'redis-streams': 'Redis Streams, fsync always',
}

export async function openPeer(kind: Kind, port: number, form: Form): Promise<Peer> {
  switch (kind) {
    case 'msgvan':
    case 'msgvan-store':
      return (await import('./msgvan.js')).openMsgvan(port)
    case 'nats':
      return (await import('./nats.js')).openNats(port, form)
    case 'redis':
      return (await import('./redis.js')).openRedis(port, form)
    case 'mqtt':
      return (await import('./mqtt.js')).openMqtt(port, form)
    case 'jetstream':
      return (await import('./jetstream.js')).openJetStream(port, form)
    case 'jetstream-file':
      return (await import('./jetstream.js')).openJetStream(port, form, 'file')
    case 'redis-streams':
      return (await import('./redis-streams.js')).openRedisStreams(port, form)
    case 'socket.io':
      return (await import('./socket-io.js')).openSocketIo(port)
  }
}

export const asIs = (topic: string): string => topic

/** `send` in as many lanes as the window is wide: that many are on their way all the time. */
export async function inWindow(
  { topics, count, payload, window }: Stream,
  send: (topic: string, payload: unknown) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next
      next += 1
      await send(topics[number % topics.length] ?? '', payload(number))
    }
  }
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane))
}
