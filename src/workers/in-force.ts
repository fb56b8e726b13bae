import type { Bus } from '../bus/contract/bus.js'
import { StoreError } from '../errors.js'

/**
 * Resolves when the worker's subscriptions are in force. That includes a host whose disk takes nothing: it writes them
 * later.
 */
export async function inForce(bus: Pick<Bus, 'ready'>): Promise<void> {
  try {
    await bus.ready()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
  }
}
