import type { CapabilityValues } from '../../bus/contract/actors.js'
import { ActorPlacementError } from '../../errors.js'

/** An actor that somebody wants. */
export interface WantedActor {
  readonly name?: string | undefined
  readonly module: string
  readonly export: string
}

/** What people call an actor that is not there: its id was told to nobody. */
export function titleOf({ name, module, export: exported }: WantedActor): string {
  return name ?? `${exported} of ${module}`
}

/** @param requires what its class requires, as far as those are values */
export function notPlaced(
  actor: WantedActor,
  lacks: string,
  requires?: CapabilityValues,
): ActorPlacementError {
  return new ActorPlacementError(
    `Actor ${titleOf(actor)} requires ${lacks}, and no host has it. Start one that does: msgvan restart --capabilities JSON.`,
    requires,
  )
}
