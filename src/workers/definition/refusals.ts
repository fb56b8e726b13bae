import type { CapabilityValues } from '../../bus/contract/actors.js'
import { ActorPlacementError } from '../../errors.js'

/** A requested actor. */
export interface WantedActor {
  readonly name?: string | undefined
  readonly module: string
  readonly export: string
}

/** A readable title of an actor that does not exist: no caller knows its id. */
export function titleOf({ name, module, export: exported }: WantedActor): string {
  return name ?? `${exported} of ${module}`
}

/**
 * @param requires the requirements of its class, if they are values
 */
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
