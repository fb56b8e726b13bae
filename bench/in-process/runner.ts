import { serve } from '../support/child.js'
import { contenders, type ContenderName } from './contenders.js'

/** A publisher that waits for its promise this often. */
const STRETCH = 1_000

const [name = '', patterns = '1', topicCount = '8'] = process.argv.slice(2)
const areas = Array.from({ length: Number(patterns) }, (_, at) => `area${at}`)
// In the middle: neither first nor last, where looking through a list would be cheapest or dearest.
const area = areas[areas.length >> 1] ?? ''
const topics = Array.from({ length: Number(topicCount) }, (_, at) => `${area}.topic${at}`)

const tally = { count: 0, sum: 0 }
const bus = contenders[name as ContenderName](areas, tally)

let at = 0

async function round(milliseconds: number): Promise<number> {
  tally.count = 0
  tally.sum = 0
  let published = 0
  let sum = 0
  const start = performance.now()
  while (performance.now() - start < milliseconds) {
    let last: unknown
    for (let i = 0; i < STRETCH; i += 1) {
      published += 1
      sum += published
      at = at + 1 === topics.length ? 0 : at + 1
      last = bus.publish(topics[at] ?? '', { n: published })
    }
    await last
  }
  const seconds = (performance.now() - start) / 1_000
  if (tally.count !== published || tally.sum !== sum) {
    throw new Error(
      `${name}: published ${published} (sum ${sum}), delivered ${tally.count} (sum ${tally.sum})`,
    )
  }
  return published / seconds
}

serve({ round }, () => bus.close())
