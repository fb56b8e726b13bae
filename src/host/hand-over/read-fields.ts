import type { HandedDelayed, HandedId } from '../../broker/delayed/rules-transfer.js'
import type { SubscriptionState } from '../../broker/subscription/subscription-core.js'
import type { Counters } from '../../bus/contract/status.js'
import { ProtocolError } from '../../errors.js'
import { ByteReader } from '../../codec/byte-reader.js'
import { decodePayload } from '../../codec/payload.js'
import type { Envelope } from '../../message/envelope.js'
import { Fields } from '../../wire/frames/fields.js'
import { decodeRequest } from '../../wire/frames/subscription-request.js'
import type { RemoteConsumerState } from '../session/consumers/remote-consumer.js'
import type { PublisherMark } from '../store/records/publisher-mark.js'
import type { SessionState } from '../session/session.js'

/** The error for a wrong record: it is left out. */
export function strange(what: string): ProtocolError {
  return new ProtocolError(`A record of the hand-over ${what}.`)
}

export function readerOf(body: Uint8Array): ByteReader {
  return new ByteReader(body, strange)
}

/** The value at the front of a record; the reader continues behind it. */
export function valueOf(reader: ByteReader): unknown {
  return decodePayload(reader.raw(reader.count(1)))
}

export function fieldsOf(value: unknown): Fields {
  return new Fields(value, strange)
}

export function countersOf(fields: Fields): Counters {
  return {
    published: fields.whole('published'),
    delivered: fields.whole('delivered'),
    acked: fields.whole('acked'),
    failed: fields.whole('failed'),
    redelivered: fields.whole('redelivered'),
    deadLettered: fields.whole('deadLettered'),
    dropped: fields.whole('dropped'),
  }
}

export function subscriptionOf(fields: Fields): SubscriptionState {
  return {
    id: fields.text('id'),
    rules: decodeRequest(fields.get('request')),
    counts: countersOf(fields.fields('counts')),
    nextOrder: fields.whole('nextOrder'),
  }
}

export function delayedOf(fields: Fields, envelope: Envelope): HandedDelayed {
  return {
    isByWall: fields.flag('isByWall'),
    due: fields.number('due', 0, Number.MAX_SAFE_INTEGER),
    id: fields.optional('id', key => fields.text(key)),
    ttl: fields.optional('ttl', key => fields.number(key, 0, Number.MAX_SAFE_INTEGER)),
    envelope,
  }
}

export function idOf(fields: Fields): HandedId {
  return {
    key: fields.text('key'),
    topic: fields.text('topic'),
    age: fields.number('age', -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  }
}

export function publisherOf(fields: Fields): { readonly client: string; readonly mark: PublisherMark } {
  const refused = fields.list('refused').map(pair => {
    const [sequence, error] = pair as [unknown, unknown]
    return [fieldsOf({ sequence }).whole('sequence'), wireErrorOf(fieldsOf(error))] as const
  })
  return { client: fields.text('client'), mark: { through: fields.whole('last'), refused: new Map(refused) } }
}

function wireErrorOf(fields: Fields): { code: string; text: string } {
  return { code: fields.text('code', 64), text: fields.text('text', 100_000) }
}

export function consumerStateOf(fields: Fields): RemoteConsumerState & { readonly place: number } {
  return {
    place: fields.whole('place', 1),
    last: fields.whole('last'),
    handed: fields.whole('handed'),
    hasLeft: fields.flag('hasLeft'),
    ackTimeout: fields.number('ackTimeout', 0, Number.MAX_SAFE_INTEGER),
    // Older versions do not write these two.
    isBeyondAway: fields.optional('isBeyondAway', key => fields.flag(key)) ?? false,
    endsWithHost: fields.optional('endsWithHost', key => fields.flag(key)) ?? false,
  }
}

export function sessionOf(fields: Fields): SessionState {
  const link = fields.fields('link')
  const intake = fields.fields('intake')
  const told = intake.list('told').map(fieldsOf)
  const held = intake.list('held').map(fieldsOf)
  return {
    id: fields.text('id', 64),
    client: fields.text('client', 64),
    van: fields.text('van', 200),
    isLocalUser: fields.flag('isLocalUser'),
    principal: fields.optional('principal', key => {
      const principal = fields.fields(key)
      return { name: principal.text('name', 64), token: principal.text('token', 64) }
    }),
    pid: fields.optional('pid', key => fields.whole(key)),
    thread: fields.optional('thread', key => fields.whole(key)),
    address: fields.text('address'),
    link: {
      received: link.whole('received'),
      ackedByPeer: link.whole('ackedByPeer'),
      receivedByPeer: link.whole('receivedByPeer'),
    },
    texts: fields.list('texts').map(String),
    intake: {
      texts: intake.list('texts').map(String),
      told: told.map(each => ({
        number: each.whole('number'),
        sequences: each.list('sequences').map(Number),
      })),
      held: held.map(each => ({
        frame: each.whole('frame'),
        index: each.whole('index'),
        publisher: each.text('publisher'),
        sequence: each.whole('sequence'),
        topic: each.text('topic'),
      })),
    },
    calls: fields
      .list('calls')
      .map(fieldsOf)
      .map(each => ({ id: each.whole('id'), method: each.text('method'), args: each.get('args') })),
    // Older versions do not write it.
    syncs: (fields.optional('syncs', key => fields.list(key)) ?? [])
      .map(fieldsOf)
      .map(each => ({ subscription: each.whole('subscription', 1), count: each.whole('count', 1) })),
  }
}
