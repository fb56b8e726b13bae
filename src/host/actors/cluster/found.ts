import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import { addressOf } from '../../../bus/actors/create-actors.js'
import { ActorPlacementError, NameTakenError } from '../../../errors.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { fieldsOf } from '../../../wire/calls/call-definition.js'
import type { BornOf } from '../parent.js'
import type { Placed, Wanted } from './wanted.js'

/** An existing actor, for other hosts. */
export interface Found {
  readonly self: ActorAddress
  readonly host: string
  readonly module: string
  readonly export: string
}

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

export function readFound(value: unknown): Found {
  const fields = fieldsOf(value)
  return {
    self: addressOf(fields.get('self')),
    host: fields.text('host', 100),
    module: fields.text('module', 10_000),
    export: fields.text('export', 1_000),
  }
}

export function placedOf(value: unknown): Placed & { isNew: boolean } {
  const fields = fieldsOf(value)
  return { self: addressOf(fields.get('self')), host: fields.text('host', 100), isNew: fields.flag('isNew') }
}

/** @throws InvalidOptionError */
export function bornOfIn(fields: Fields): BornOf {
  return { incarnation: fields.text('incarnation', 100), host: fields.text('host', 100) }
}

export function askedBy(fields: Fields): Pick<Wanted, 'asking' | 'ticket' | 'parentAt' | 'bornOf'> {
  const asking = fields.text('asking', 100)
  // Older hosts do not send it.
  const parentAt = fields.optional('parentAt', key => fields.text(key, 100)) ?? asking
  const bornOf = fields.optional('bornOf', key => bornOfIn(fields.fields(key)))
  return { asking, ticket: fields.text('ticket', 100), parentAt, bornOf }
}

export function requiresOf(fields: Fields): ActorRequest['requires'] {
  fields.fields('requires')
  return fields.get('requires') as ActorRequest['requires']
}

/** The refusal of a host that does not fit, for other hosts. It has the requirements of the class, so that they need not load it. */
export function refusalOf({ message, requires }: ActorPlacementError): object {
  return { refused: message, ...(requires === undefined ? {} : { requires }) }
}

/** @throws ActorPlacementError if the host refuses */
export function throwRefusal(answer: unknown): void {
  if (answer === true) return
  const fields = fieldsOf(answer)
  throw new ActorPlacementError(
    fields.text('refused', 100_000),
    fields.has('requires') ? requiresOf(fields) : undefined,
  )
}
