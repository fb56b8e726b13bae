import { setTimeout as sleep } from 'node:timers/promises'
import { openPeer, type Form, type Kind } from '../peers/peer.js'
import { serve } from '../support/child.js'
import { topicsOf } from './payload.js'
import { Receipt, type Expected } from './receipt.js'

const [kind, port, form, root = '', subscriptions = '1'] = process.argv.slice(2)
const peer = openPeer(kind as Kind, Number(port), form as Form)
const receipts: (Receipt | undefined)[] = Array.from({ length: Number(subscriptions) })
let received: Promise<void> | undefined

serve(
  {
    ready: async () => {
      const open = await peer
      await Promise.all(
        receipts.map((_, at) => open.subscribe(root, (topic, payload) => receipts[at]?.take(topic, payload))),
      )
    },
    /** From now on these messages come, to every subscription. */
    expect: async (expected: Expected) => {
      const open = await peer
      const sources = Array.from({ length: expected.sources }, (_, source) => source)
      const topics = sources
        .flatMap(source => topicsOf(root, source, expected))
        .map(topic => open.spell(topic))
      const full = receipts.map(
        (_, at) =>
          new Promise<void>(resolve => {
            receipts[at] = new Receipt(expected, topics, resolve)
          }),
      )
      received = Promise.all(full).then(() => undefined)
    },
    received: () => received,
    /** Of a stream whose length is known only afterwards. */
    receivedSoMany: async (count: number) => {
      while (receipts.some(receipt => (receipt?.count ?? 0) < count)) await sleep(5)
    },
    counts: () => receipts.map(receipt => receipt?.count ?? 0),
    wrong: () => receipts.find(receipt => receipt?.wrong !== undefined)?.wrong,
  },
  async () => (await peer).close(),
)
