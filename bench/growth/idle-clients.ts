import { van, type Bus } from '../../src/index.js'
import { serve } from '../support/child.js'

/** Clients that are connected, each with a subscription that nothing is published to. */
const buses: Bus[] = []
const AT_ONCE = 50

serve(
  {
    upTo: async (count: number) => {
      while (buses.length < count) {
        const some = Array.from({ length: Math.min(AT_ONCE, count - buses.length) }, () => {
          const bus = van({ autoStart: false })
          bus.topic(`idle.${buses.length}`).subscribe()
          buses.push(bus)
          return bus
        })
        await Promise.all(some.map(bus => bus.ready()))
      }
    },
  },
  () => Promise.all(buses.map(bus => bus.close({ drain: false }))),
)
