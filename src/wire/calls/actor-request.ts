import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import { MAX_SETUP_MS, SETUP_MS } from '../../bus/actors/create-actors.js'
import type { Fields } from '../frames/fields.js'
import { MAX_PRINCIPAL_NAME } from '../principal-token.js'

/** The request of a client or another host for an actor, each field checked. A host overwrites the principal that a client names. */
export function decodeActorRequest(fields: Fields): ActorRequest {
  fields.fields('requires')
  return {
    module: fields.text('module', 10_000),
    export: fields.text('export', 1_000),
    name: fields.optional('name', key => fields.text(key, 200)),
    encodedArgs: fields.optional('encodedArgs', key => fields.bytes(key)),
    instances: fields.whole('instances', 1, 1_000),
    requires: fields.get('requires') as CapabilityValues,
    isolation: fields.oneOf('isolation', ['thread', 'process']),
    attempts: fields.whole('attempts', 1, 1_000_000),
    // Older clients and hosts do not send it.
    setupTimeout: fields.optional('setupTimeout', key => fields.whole(key, 1, MAX_SETUP_MS)) ?? SETUP_MS,
    parent: fields.optional('parent', key => fields.text(key, 100)),
    principal: fields.optional('principal', key => fields.text(key, MAX_PRINCIPAL_NAME)),
  }
}
