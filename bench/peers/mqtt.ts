import { connectAsync } from 'mqtt'
import { inWindow, type Form, type Peer } from './peer.js'

const spell = (topic: string): string => topic.replaceAll('.', '/')

/** MQTT with quality of service 1: at least once, acknowledged by the server and by the subscriber. */
export async function openMqtt(port: number, form: Form): Promise<Peer> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  return {
    spell,
    subscribe: async (root, take) => {
      client.on('message', (topic, payload) =>
        take(topic, form === 'bytes' ? payload : JSON.parse(payload.toString())),
      )
      await client.subscribeAsync(`${spell(root)}/eu/#`, { qos: 1 })
    },
    publish: stream =>
      inWindow({ ...stream, topics: stream.topics.map(spell) }, (topic, value) =>
        client.publishAsync(topic, form === 'bytes' ? (value as Buffer) : JSON.stringify(value), { qos: 1 }),
      ),
    close: () => client.endAsync(true),
  }
}
