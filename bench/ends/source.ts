import { openAsking, type Way } from '../peers/asking.js'
import { serve } from '../support/child.js'

/** Gives whoever asks so many values: Buffers of 100 bytes with their numbers. */
const [way, port] = process.argv.slice(2)
const asking = openAsking(way as Way, Number(port))

serve(
  {
    ready: async () => {
      await (
        await asking
      ).offer(number => {
        const value = Buffer.alloc(100)
        value.writeUInt32LE(number)
        return value
      })
    },
  },
  async () => (await asking).close(),
)
