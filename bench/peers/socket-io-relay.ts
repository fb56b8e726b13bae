import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { serve } from '../support/child.js'

// What one would write with plain socket.io: each message goes to who subscribed, and its ack goes back when theirs is there.

const io = new Server(0, { transports: ['websocket'], serveClient: false, perMessageDeflate: false })
const subscribers = new Map<Socket, string>()
const responders = new Map<string, Socket>()

io.on('connection', socket => {
  socket.on('subscribe', (prefix: string, ack: () => void) => {
    subscribers.set(socket, prefix)
    ack()
  })
  socket.on('publish', (topic: string, payload: unknown, ack: () => void) => {
    const sent: Promise<unknown>[] = []
    for (const [subscriber, prefix] of subscribers)
      if (topic.startsWith(prefix)) sent.push(subscriber.emitWithAck('message', topic, payload))
    void Promise.all(sent).then(() => ack())
  })
  socket.on('answer', (topic: string, ack: () => void) => {
    responders.set(topic, socket)
    ack()
  })
  socket.on('request', (topic: string, payload: unknown, ack: (answer: unknown) => void) => {
    void responders.get(topic)?.emitWithAck('request', topic, payload).then(ack)
  })
  socket.on('disconnect', () => subscribers.delete(socket))
})

serve({ port: () => (io.httpServer.address() as AddressInfo).port }, () => io.close())
