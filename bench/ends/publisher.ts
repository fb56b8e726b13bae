import { setTimeout as sleep } from 'node:timers/promises'
import { openPeer, type Form, type Kind } from '../peers/peer.js'
import { serve } from '../support/child.js'
import { payloads, topicsOf, type Shape } from './payload.js'

const [kind, port, form, root = '', source = '0'] = process.argv.slice(2)
const peer = openPeer(kind as Kind, Number(port), form as Form)

const BURST_MS = 2
/** Of a burst, on their way at most: after a stall of the machine all that is due would be more than an outbox takes. */
const PACED_WINDOW = 1_000
/** Another question of the parent's sets it, meanwhile. */
const pacing: { isStopped: boolean } = { isStopped: false }

const isPacing = (): boolean => !pacing.isStopped

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
    /** At this pace until `stop`. @returns how many it were */
    pace: async ({ perSecond }: { perSecond: number }): Promise<number> => {
      if (prepared === undefined) throw new Error('pace before prepare')
      const { topics, payload } = prepared
      const open = await peer
      const began = performance.now()
      let sent = 0
      pacing.isStopped = false
      while (isPacing()) {
        const due = ((performance.now() - began) / 1_000) * perSecond - sent
        // Whole turns of the topics, so that the next burst goes on where this one ends.
        const count = Math.floor(due / topics.length) * topics.length
        const from = sent
        const window = Math.min(count, PACED_WINDOW)
        if (count > 0) await open.publish({ topics, payload: i => payload(from + i), count, window })
        sent += count
        await sleep(BURST_MS)
      }
      return sent
    },
    stop: () => {
      pacing.isStopped = true
    },
  },
  async () => (await peer).close(),
)
