import type { Bus } from '../bus/contract/bus.js'
import { StoreError } from '../errors.js'

/** Resolves when the worker's subscriptions are in force. They are, too, while the host's disk takes nothing: the host writes them later. */
export async function inForce(bus: Pick<Bus, 'ready'>): Promise<void> {
  try {
    await bus.ready()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
  }
}
