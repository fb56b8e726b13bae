import process from 'node:process'
import { map, Observable, retry, take, timer } from 'rxjs'
import { van } from 'msgvan'

const [role, count = '3'] = process.argv.slice(2)
const bus = van()

if (role === 'expose') {
  bus.expose('ticker', (/** @type {number} */ every) => {
    const ticks$ = timer(0, every).pipe(map(tick => `tick ${tick}`))
    return new Observable(subscriber => {
      console.log(`observed, every ${every} ms`)
      subscriber.add(ticks$.subscribe(subscriber))
      subscriber.add(() => console.log('not observed any more'))
    })
  })
  await bus.ready()
  console.log('exposed')
} else if (role === 'observe') {
  // Until somebody exposes it, and when that one dies: once more.
  const ticker$ = bus.observe('ticker', 20).pipe(retry({ delay: 200 }), take(Number(count)))
  ticker$.subscribe({ next: tick => console.log(tick), complete: () => void bus.close() })
} else {
  console.error('Usage: node ticker.js expose | observe [COUNT]')
  process.exitCode = 2
  await bus.close()
}
