import { van, type Bus } from '../../src/index.js'
import { serve } from '../support/child.js'

/** Clients that are connected, each with a subscription that nothing is published to. */
const buses: Bus[] = []

serve(
  {
    upTo: async (count: number) => {
      while (buses.length < count) {
        const bus = van({ autoStart: false })
        bus.topic(`idle.${buses.length}`).subscribe()
        buses.push(bus)
        await bus.ready()
      }
    },
  },
  () => Promise.all(buses.map(bus => bus.close({ drain: false }))),
)
