import { io } from 'socket.io-client'
import { van } from '../../src/index.js'
import { serve } from '../support/child.js'
import { payload, topics } from './payload.js'

const [kind, port = ''] = process.argv.slice(2)

function msgvan() {
  const bus = van({ autoStart: false })
  return {
    ready: () => bus.ready(),
    /** A plain loop that waits now and then. */
    publish: async ({ count, every }: { count: number; every: number }) => {
      let last: Promise<void> | undefined
      for (let i = 0; i < count; i += 1) {
        last = bus.publish(topics[i & 7] ?? '', payload(i))
        if (i % every === every - 1) await last
      }
      await last
    },
    close: () => bus.close(),
  }
}

function socketIo() {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] })
  return {
    ready: () =>
      new Promise<void>(resolve => {
        if (socket.connected) resolve()
        else socket.once('connect', () => resolve())
      }),
    /** As many on their way as `every`, all the time: kinder to it than stopping at each of them. */
    publish: async ({ count, every }: { count: number; every: number }) => {
      let next = 0
      const lane = async (): Promise<void> => {
        while (next < count) {
          const number = next
          next += 1
          await socket.emitWithAck('publish', topics[number & 7] ?? '', payload(number))
        }
      }
      await Promise.all(Array.from({ length: every }, lane))
    },
    close: () => socket.disconnect(),
  }
}

const { ready, publish, close } = kind === 'msgvan' ? msgvan() : socketIo()
serve({ ready, publish }, close)
