import type { Books } from './books.js'
import type { Network } from './network.js'
import type { Random } from './random.js'
import type { Trace } from './trace.js'
import type { VirtualClock } from './virtual-clock.js'

/** What all who take part share. */
export interface Stage {
  readonly clock: VirtualClock
  readonly random: Random
  readonly network: Network
  readonly books: Books
  readonly trace: Trace
}

export const secret = new Uint8Array(32).fill(7)
export const van = 'default'
