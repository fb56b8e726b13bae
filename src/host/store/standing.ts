import { decodePayload, encodePayload } from '../../codec/payload.js'
import { ProtocolError } from '../../errors.js'
import { Fields } from '../../wire/frames/fields.js'
import { decodePattern, encodePattern } from '../../wire/frames/subscription-request.js'
import type { Standing } from '../backbone/contract/reach-memory.js'

/** A van of a follower that was restarted. */
export interface VanStanding extends Standing {
  readonly van: string
  /** The clients with sessions: they missed nothing if they come back in time. */
  readonly clients: readonly string[]
}

/** The standing of a restarted host with its leader, for the next one. */
export interface HostStanding {
  /** The host that wrote it. */
  readonly host: string
  readonly vans: readonly VanStanding[]
}

export function encodeStanding({ host, vans }: HostStanding): Uint8Array {
  return encodePayload({
    host,
    vans: vans.map(({ van, memory, wanted, clients }) => ({
      ...{ van, wanted: wanted.map(encodePattern), clients },
      ...(memory === undefined ? {} : { memory }),
    })),
  })
}

/** @throws MsgvanError if this version cannot use it */
export function decodeStanding(bytes: Uint8Array): HostStanding {
  const strange = (what: string): ProtocolError => new ProtocolError(`The standing of a follower ${what}.`)
  const fields = new Fields(decodePayload(bytes), strange)
  const vans = fields.list('vans').map(each => new Fields(each, strange))
  return {
    host: fields.text('host', 100),
    vans: vans.map(of => ({
      van: of.text('van', 200),
      memory: of.optional('memory', key => of.text(key, 200)),
      wanted: of.list('wanted').map(decodePattern),
      clients: of.list('clients').map(String),
    })),
  }
}
