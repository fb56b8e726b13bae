import { openPeer, type Form, type Kind } from '../peers/peer.js'
import { serve } from '../support/child.js'
import { payloads, topicsOf, type Shape } from './payload.js'

const [kind, port, form, root = '', source = '0'] = process.argv.slice(2)
const peer = openPeer(kind as Kind, Number(port), form as Form)

/** Made before the round begins. */
let prepared: { topics: string[]; payload: (number: number) => unknown } | undefined

serve(
  {
    ready: () => peer.then(() => undefined),
    prepare: (shape: Shape) => {
      prepared = {
        topics: topicsOf(root, Number(source), shape),
        payload: payloads(Number(source), shape),
      }
    },
    publish: async ({ count, window }: { count: number; window: number }) => {
      if (prepared === undefined) throw new Error('publish before prepare')
      const { topics, payload } = prepared
      await (await peer).publish({ topics, payload, count, window })
    },
  },
  async () => (await peer).close(),
)
