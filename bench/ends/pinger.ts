import { openPeer, type Form, type Kind } from '../peers/peer.js'
import { serve } from '../support/child.js'

const [kind, port, form] = process.argv.slice(2)
const peer = openPeer(kind as Kind, Number(port), form as Form)
/** Told of each answer, which must be the one to the ping on its way. */
let answered: (payload: unknown) => void = () => undefined

serve(
  {
    ready: async () => (await peer).subscribe('pong', (_, payload) => answered(payload)),
    /** One after the other. @returns how long each took, in microseconds */
    ping: async (count: number): Promise<number[]> => {
      const open = await peer
      const took: number[] = []
      for (let number = 0; number < count; number += 1) {
        const sent = Buffer.alloc(100, number & 0xff)
        const began = performance.now()
        const answer = new Promise<unknown>(resolve => {
          answered = resolve
        })
        const published = open.publish({ topics: ['ping.eu.0'], count: 1, payload: () => sent, window: 1 })
        const payload = await answer
        took.push((performance.now() - began) * 1_000)
        if (!sent.equals(payload as Uint8Array)) throw new Error(`the answer to ping ${number} is another`)
        await published
      }
      return took
    },
    /** Requests, one after the other. @returns how long each took, in microseconds; undefined: this kind has none */
    request: async (count: number): Promise<number[] | undefined> => {
      const open = await peer
      if (open.request === undefined) return undefined
      const took: number[] = []
      for (let number = 0; number < count; number += 1) {
        const sent = Buffer.alloc(100, number & 0xff)
        const began = performance.now()
        const payload = await open.request('echo.eu.0', sent)
        took.push((performance.now() - began) * 1_000)
        if (!sent.equals(payload as Uint8Array)) throw new Error(`the answer to request ${number} is another`)
      }
      return took
    },
  },
  async () => (await peer).close(),
)
