import { van } from '../../src/index.js'
import { serve } from '../support/child.js'

/** Publishes so many messages with so many keys in turn; 0 keys: without. */
const [port, topic = ''] = process.argv.slice(2)
const bus = van({ port: Number(port), autoStart: false })
const payload = Buffer.alloc(100)

const WINDOW = 1_000

serve(
  {
    ready: () => bus.ready(),
    publish: async ({ count, keys }: { count: number; keys: number }) => {
      let last: Promise<void> | undefined
      for (let i = 0; i < count; i += 1) {
        const bytes = Buffer.from(payload)
        bytes.writeUInt32LE(i)
        last =
          keys === 0 ? bus.publish(topic, bytes) : bus.publish(topic, bytes, { key: `customer-${i % keys}` })
        if (i % WINDOW === WINDOW - 1) await last
      }
      await last
    },
  },
  () => bus.close(),
)
