/** Shows what pipeline.js finds, in a process of its own, until Ctrl-C. */
import process from 'node:process'
import { van } from 'msgvan'

const bus = van()

bus.topic(/^failures\.(?<service>\w+)$/).subscribe(({ match, payload }) => {
  const { failures, slowest } = /** @type {{ failures: number, slowest: number }} */ (payload)
  console.log(`${match?.groups?.service}: ${failures} failures, the slowest took ${slowest} ms`)
})

await bus.ready()
console.log('listening')

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => bus.close())
