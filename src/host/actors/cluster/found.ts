import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import { ActorPlacementError, NameTakenError } from '../../../errors.js'
import type { Found, Refusal } from '../../../wire/calls/placing.js'

/**
 * @throws NameTakenError if the name belongs to another actor
 */
export function sameActor(there: Found, { module, export: exported }: ActorRequest): Found {
  if (there.module === module && there.export === exported) return there
  const name = JSON.stringify(there.self.name)
  throw new NameTakenError(
    `The name ${name} belongs to an actor of ${there.module}, ${there.export}. Use another name, or stop that actor first.`,
  )
}

export function foundOf(
  { self, request }: { readonly self: ActorAddress; readonly request: ActorRequest },
  host: string,
): Found {
  return { self, host, module: request.module, export: request.export }
}

/** The refusal of a host that does not fit, as its answer. Throws any other error. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof ActorPlacementError)) throw error
  return { refused: error.message, ...(error.requires === undefined ? {} : { requires: error.requires }) }
}

/** @throws ActorPlacementError if the host refuses */
export function throwRefusal(answer: true | Refusal): void {
  if (answer !== true) throw new ActorPlacementError(answer.refused, answer.requires)
}
