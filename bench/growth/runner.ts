import { van } from '../../src/index.js'
import { serve } from '../support/child.js'

/** What there are many of. */
export type Dimension = 'patterns' | 'topics' | 'subscribers'

const STRETCH = 100

const [dimension, count = '1'] = process.argv.slice(2) as [Dimension, string?]
const many = Number(count)
const bus = van({ embedded: true })
let delivered = 0
const hear = (): void => {
  delivered += 1
}

const topics = Array.from({ length: dimension === 'topics' ? many : 8 }, (_, i) => `area0.topic${i}`)
if (dimension === 'patterns')
  for (let i = 0; i < many; i += 1) bus.topic(new RegExp(`^area${i}\\.`)).subscribe(hear)
else if (dimension === 'topics') bus.topic(/^area0\./).subscribe(hear)
else for (let i = 0; i < many; i += 1) bus.topic(/^area0\./).subscribe(hear)
const each = dimension === 'subscribers' ? many : 1

let at = 0

/** @returns deliveries a second */
async function round(milliseconds: number): Promise<number> {
  delivered = 0
  let published = 0
  const start = performance.now()
  while (performance.now() - start < milliseconds) {
    let last: unknown
    for (let i = 0; i < STRETCH; i += 1) {
      at = at + 1 === topics.length ? 0 : at + 1
      last = bus.publish(topics[at] ?? '', { n: i })
    }
    published += STRETCH
    await last
  }
  const seconds = (performance.now() - start) / 1_000
  if (delivered !== published * each)
    throw new Error(`${many} ${dimension}: ${delivered} deliveries came of ${published * each}`)
  return delivered / seconds
}

serve({ round }, () => bus.close({ drain: false }))
