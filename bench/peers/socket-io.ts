import { io } from 'socket.io-client'
import { asIs, inWindow, type Peer, type Take } from './peer.js'

/** Through the relay beside this file; objects are socket.io's own JSON. */
export async function openSocketIo(port: number): Promise<Peer> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] })
  await new Promise<void>(resolve => void socket.once('connect', resolve))
  return {
    spell: asIs,
    subscribe: async (root, take: Take) => {
      socket.on('message', (topic: string, payload: unknown, ack: () => void) => {
        take(topic, payload)
        ack()
      })
      await socket.emitWithAck('subscribe', `${root}.eu.`)
    },
    publish: stream => inWindow(stream, (topic, payload) => socket.emitWithAck('publish', topic, payload)),
    answer: async topic => {
      socket.on('request', (_: string, payload: unknown, ack: (answer: unknown) => void) => ack(payload))
      await socket.emitWithAck('answer', topic)
    },
    request: (topic, payload) => socket.emitWithAck('request', topic, payload),
    close: () => socket.disconnect(),
  }
}
