import { openPeer, type Form, type Kind } from '../peers/peer.js'
import { serve } from '../support/child.js'

/** Whatever comes on `ping.eu.…` goes back on `pong.eu.0` as it came, and a request gets its payload as the answer. */
const [kind, port, form] = process.argv.slice(2)
const peer = openPeer(kind as Kind, Number(port), form as Form)

serve(
  {
    ready: async () => {
      const open = await peer
      await open.subscribe('ping', (_, payload) => {
        void open.publish({ topics: ['pong.eu.0'], count: 1, payload: () => payload, window: 1 })
      })
      await open.answer?.('echo.eu.0')
    },
  },
  async () => (await peer).close(),
)
