import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { serve } from '../support/child.js'
import { pattern } from './payload.js'

// What one would write with plain socket.io: each message goes to who subscribed, and its ack goes back when theirs is there.

const io = new Server(0, { transports: ['websocket'], serveClient: false, perMessageDeflate: false })
const subscribers = new Set<Socket>()

io.on('connection', socket => {
  socket.on('subscribe', (ack: () => void) => {
    subscribers.add(socket)
    ack()
  })
  socket.on('publish', (topic: string, bytes: Buffer, ack: () => void) => {
    if (!pattern.test(topic)) return ack()
    const sent = [...subscribers].map(subscriber => subscriber.emitWithAck('message', topic, bytes))
    void Promise.all(sent).then(() => ack())
  })
  socket.on('disconnect', () => subscribers.delete(socket))
})

serve({ port: () => (io.httpServer.address() as AddressInfo).port }, () => io.close())
