import type { ActorAddress } from '../bus/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../bus/actors.js'
import type { Fields } from '../wire/fields.js'
import type { Actors } from './actors.js'
import type { Session } from './session.js'

/** Reads what a client asks for, and has it created. */
export function createActor(session: Session, fields: Fields, actors: Actors): Promise<ActorAddress> {
  fields.fields('requires')
  const request: ActorRequest = {
    module: fields.text('module', 10_000),
    export: fields.text('export', 1_000),
    name: fields.optional('name', key => fields.text(key, 200)),
    args: fields.get('args'),
    instances: fields.whole('instances', 1, 1_000),
    requires: fields.get('requires') as CapabilityValues,
    isolation: fields.oneOf('isolation', ['thread', 'process']),
    attempts: fields.whole('attempts', 1, 1_000_000),
    parent: fields.optional('parent', key => fields.text(key, 100)),
  }
  return actors.create(session.van.name, request, session.isLocalUser)
}
