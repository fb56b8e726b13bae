import { openAsking, type Way } from '../peers/asking.js'
import { serve } from '../support/child.js'

const [way, port] = process.argv.slice(2)
const asking = openAsking(way as Way, Number(port))

serve(
  {
    ready: async () => {
      await asking
    },
    /** @returns values a second, all of which came in order */
    ask: async (count: number): Promise<number> => {
      let next = 0
      const began = performance.now()
      await (
        await asking
      ).ask(count, value => {
        const bytes = Buffer.from(value as Uint8Array)
        if (bytes.length !== 100 || bytes.readUInt32LE() !== next)
          throw new Error(`value ${next} is another, or came out of order`)
        next += 1
      })
      const perSecond = (next / (performance.now() - began)) * 1_000
      if (next !== count) throw new Error(`of ${count} values there came ${next}`)
      return perSecond
    },
  },
  async () => (await asking).close(),
)
