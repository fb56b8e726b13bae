import { addressOf } from '../../bus/actors/create-actors.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import type { Fields } from '../frames/fields.js'
import { decodeActorRequest } from './actor-request.js'
import { fieldsOf } from './call-definition.js'

/** The worker that created a child: one incarnation of one instance of its parent. The child ends with it. */
export interface BornOf {
  /** That worker's client id. */
  readonly incarnation: string
  /** The host on which it runs. */
  readonly host: string
}

/** A request for an actor on any host that fits. */
export interface Wanted {
  readonly van: string
  readonly request: ActorRequest
  /** The caller's host, which is tried first. */
  readonly asking: string
  /** Tells that host, and no other, whether the caller may name any module. */
  readonly ticket: string
  /** The host of its parent's mailbox. */
  readonly parentAt: string
  /** The worker that creates it as a child. */
  readonly bornOf?: BornOf | undefined
}

/** A placed actor, and its host. */
export interface Placed {
  readonly self: ActorAddress
  readonly host: string
}

/** An existing actor, for other hosts. */
export interface Found extends Placed {
  readonly module: string
  readonly export: string
}

/** The answer of a host that does not fit. It has the requirements of the class, so that others need not load it. */
export interface Refusal {
  readonly refused: string
  readonly requires?: CapabilityValues | undefined
}

export const vanOf = (fields: Fields): { van: string } => ({ van: fields.text('van', 200) })

export const selfOf = (fields: Fields): { van: string; self: ActorAddress } => ({
  ...vanOf(fields),
  self: addressOf(fields.get('self')),
})

export function bornOfIn(fields: Fields): BornOf | undefined {
  return fields.optional('bornOf', key => {
    const born = fields.fields(key)
    return { incarnation: born.text('incarnation', 100), host: born.text('host', 100) }
  })
}

export function wantedOf(fields: Fields): Wanted {
  const asking = fields.text('asking', 100)
  return {
    ...vanOf(fields),
    request: decodeActorRequest(fields.fields('request')),
    asking,
    ticket: fields.text('ticket', 100),
    // Older hosts do not send it.
    parentAt: fields.optional('parentAt', key => fields.text(key, 100)) ?? asking,
    bornOf: bornOfIn(fields),
  }
}

/** Milliseconds for a setup; undefined: no limit. */
export function withinOf(fields: Fields): number | undefined {
  return fields.optional('within', key => fields.whole(key, 0, 1_000_000))
}

export function requiresOf(fields: Fields): CapabilityValues {
  fields.fields('requires')
  return fields.get('requires') as CapabilityValues
}

export function readPlaced(value: unknown): Placed & { isNew: boolean } {
  const fields = fieldsOf(value)
  return { ...placedOf(fields), isNew: fields.flag('isNew') }
}

export function readFound(value: unknown): Found | undefined {
  if (value === undefined) return undefined
  const fields = fieldsOf(value)
  return {
    ...placedOf(fields),
    module: fields.text('module', 10_000),
    export: fields.text('export', 1_000),
  }
}

export function readAddress(value: unknown): ActorAddress | undefined {
  return value === undefined ? undefined : addressOf(value)
}

export function readStarted(value: unknown): true | Refusal {
  if (value === true) return true
  const fields = fieldsOf(value)
  const refused = fields.text('refused', 100_000)
  return fields.has('requires') ? { refused, requires: requiresOf(fields) } : { refused }
}

function placedOf(fields: Fields): Placed {
  return { self: addressOf(fields.get('self')), host: fields.text('host', 100) }
}
