import { io } from 'socket.io-client'
import { van } from '../../src/index.js'
import { serve } from '../support/child.js'
import { pattern, Receipt } from './payload.js'

const [kind, port = ''] = process.argv.slice(2)
const receipt = new Receipt()

function msgvan() {
  const bus = van({ autoStart: false })
  bus.topic<Buffer>(pattern).subscribe(message => receipt.take(message.topic, message.payload))
  return { ready: () => bus.ready(), close: () => bus.close() }
}

function socketIo() {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] })
  socket.on('message', (topic: string, bytes: Buffer, ack: () => void) => {
    receipt.take(topic, bytes)
    ack()
  })
  return { ready: () => socket.emitWithAck('subscribe'), close: () => socket.disconnect() }
}

const { ready, close } = kind === 'msgvan' ? msgvan() : socketIo()
serve({ ready, expect: (count: number) => receipt.expect(count), excess: () => receipt.excess }, close)
