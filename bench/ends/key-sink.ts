import { van } from '../../src/index.js'
import { serve } from '../support/child.js'

/** Counts the messages, and holds each key to its order. */
const [port, topic = '', ordered] = process.argv.slice(2)
const bus = van({ port: Number(port), autoStart: false })
let last = new Uint32Array(1)
let keys = 0
let count = 0
let wanted = Infinity
let wrong: string | undefined
let full: () => void = () => undefined

bus
  .topic<Uint8Array>(topic, ordered === 'key' ? { ordered: 'key' } : {})
  .subscribe(({ payload, key = '' }) => {
    const number = Buffer.from(payload.buffer, payload.byteOffset).readUInt32LE()
    const at = keys === 0 ? 0 : number % keys
    if (number < (last[at] ?? 0)) wrong ??= `message ${number} of ${key} came late`
    last[at] = number
    if (number % 100 === 0 && key !== (keys === 0 ? '' : `customer-${at}`))
      wrong ??= `${number} has the key ${key}`
    count += 1
    if (count === wanted) full()
  })

let received: Promise<void> | undefined

serve(
  {
    ready: () => bus.ready(),
    expect: (more: { count: number; keys: number }) => {
      count = 0
      wanted = more.count
      keys = more.keys
      last = new Uint32Array(Math.max(1, keys))
      received = new Promise(resolve => (full = resolve))
    },
    received: async () => {
      await received
      if (wrong !== undefined) throw new Error(wrong)
    },
  },
  () => bus.close(),
)
