import process from 'node:process'
import { van } from 'msgvan'

/** @type {Record<string, number>} */
const PRICES = { pens: 2.5, paper: 4 }

/** @typedef {{ 'prices.of': { request: string, reply: number } }} Services */

const [role, item = 'pens'] = process.argv.slice(2)
/** @type {import('msgvan').Bus<import('msgvan').AnyTopics, Services>} */
const bus = van()

if (role === 'reply') {
  bus.reply('prices.of', ({ payload, redelivered }) => {
    const price = PRICES[payload]
    console.log(`asked for ${payload}${redelivered ? ', again' : ''}`)
    if (price === undefined) throw new RangeError(`there are no ${payload}`)
    return price
  })
  await bus.ready()
  console.log('answering')
} else if (role === 'request') {
  try {
    console.log(`${item}: ${await bus.request('prices.of', item, { timeout: 5_000 })}`)
  } catch (error) {
    console.log(error instanceof Error ? `no price: ${error.message}` : error)
    process.exitCode = 1
  }
  await bus.close()
} else {
  console.error('Usage: node prices.js reply | request [ITEM]')
  process.exitCode = 2
  await bus.close()
}
