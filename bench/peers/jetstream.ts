import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { asIs, inWindow, type Form, type Peer } from './peer.js'

/** Old messages are thrown away beyond this; no round sends as much. */
const KEPT_BYTES = 512 * 1024 * 1024

/** JetStream: publishes are acknowledged, and each message by its consumer. */
export async function openJetStream(
  port: number,
  form: Form,
  storage: 'memory' | 'file' = 'memory',
): Promise<Peer> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false })
  const client = jetstream(connection)
  return {
    spell: asIs,
    subscribe: async (root, take) => {
      const manager = await jetstreamManager(connection)
      await manager.streams.add({
        name: root,
        subjects: [`${root}.>`],
        storage: storage === 'file' ? StorageType.File : StorageType.Memory,
        retention: RetentionPolicy.Limits,
        max_bytes: KEPT_BYTES,
      })
      await manager.consumers.add(root, {
        durable_name: 'bench',
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 10_000,
        mem_storage: storage === 'memory',
      })
      const consumer = await client.consumers.get(root, 'bench')
      await consumer.consume({
        max_messages: 1_000,
        callback: message => {
          take(message.subject, form === 'bytes' ? message.data : message.json())
          message.ack()
        },
      })
    },
    publish: stream =>
      inWindow(stream, (topic, value) =>
        client.publish(topic, form === 'bytes' ? (value as Uint8Array) : JSON.stringify(value)),
      ),
    close: () => connection.close(),
  }
}
