import type { ConsumerPlace } from '../../broker/lifecycle/transfer.js'
import { itemOf } from '../../broker/subscription/open-deliveries.js'
import type { Subscription } from '../../broker/subscription/subscription.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { version } from '../../version.js'
import { PROTOCOL } from '../../wire/protocol.js'
import { encodeSight } from '../../wire/frames/sight.js'
import { encodePattern, encodeRequest } from '../../wire/frames/subscription-request.js'
import type { RemoteConsumer } from '../session/consumers/remote-consumer.js'
import type { Publisher } from '../session/publisher.js'
import type { HeldInMemory } from '../session/session-transfer.js'
import type { Session } from '../session/session.js'
import type { Van } from '../van/van.js'
import { BATCH, FORMAT, Kind, type Head } from './format.js'
import type { Travelling } from './items.js'
import { RecordFileWriter } from './record-file.js'
import { batches, valueRecord, VanWriter } from './write-vans.js'

export interface HandOverOptions {
  /** The host that writes. */
  readonly host: string
  /** Clients that stay behind: they end with this process, or are the next host itself. */
  readonly staysBehind: (session: Session) => boolean
  /** The protocol of this host. Default: that of this version. Another one is for specs. */
  readonly protocol?: number
}

/**
 * Writes all of a host's memory for the next host. Synchronous: nothing comes in and nothing goes out meanwhile. If it
 * fails, nothing has changed.
 *
 * @returns the bytes of the file
 * @throws the system's own error
 */
export function writeHandOver(
  path: string,
  { memory, vans, sessions }: HeldInMemory,
  options: HandOverOptions,
): number {
  for (const { broker } of vans) broker.transfer.finishEndings()
  const travelling = sessions.filter(session => !session.hasEnded && !options.staysBehind(session))
  const members = new Set<object>()
  for (const { consumers } of travelling)
    for (const { joined } of consumers) if (joined !== undefined) members.add(joined)
  const file = new RecordFileWriter(path)
  try {
    const head: Head = {
      format: FORMAT,
      protocol: options.protocol ?? PROTOCOL,
      version,
      memory,
      host: options.host,
      at: Date.now(),
    }
    file.add(Kind.Head, valueRecord(head))
    const writer = new VanWriter(file, member => members.has(member))
    for (const van of vans) writer.van(van, publishersOf(van, sessions))
    for (const session of travelling) writeSession(file, writer, session)
    return file.finish()
  } catch (error) {
    file.abandon()
    throw error
  }
}

function publishersOf(van: Van, sessions: readonly Session[]): Map<string, Publisher> {
  const live = new Map<string, Publisher>()
  for (const session of sessions)
    if (session.van === van && session.publisher.hasPublished)
      live.set(session.publisherKey, session.publisher)
  return live
}

function writeSession(file: RecordFileWriter, vans: VanWriter, session: Session): void {
  file.add(Kind.Session, valueRecord(session.state))
  for (const { kind, ackedBefore, bytes } of session.link.retained) {
    const writer = new ByteWriter()
    writer.u8(kind)
    writer.varint(ackedBefore)
    writer.raw(bytes)
    file.add(Kind.Frame, writer.take())
  }
  const relay = writeFollower(file, vans, session)
  const places = [...session.consumers].flatMap(consumer => {
    const at = whereOf(session.van, consumer, vans)
    const isRelay = relay !== undefined && placeOf(session.van, consumer)?.subscription === relay
    const sight = consumer.view && { sight: encodeSight(consumer.view.sight) }
    return at === undefined || isRelay
      ? []
      : [{ place: consumer.subscription, ...consumer.state, ...at, ...sight }]
  })
  for (const batch of batches(places, BATCH)) file.add(Kind.Consumers, valueRecord(batch))
  for (const consumer of session.consumers) {
    const place = placeOf(session.van, consumer)
    if (place !== undefined && vans.numberOf(place.subscription) !== undefined)
      vans.held(consumer.subscription, heldOf(consumer.open))
  }
}

/**
 * @returns the queue of messages for the other host
 */
function writeFollower(file: RecordFileWriter, vans: VanWriter, session: Session): Subscription | undefined {
  const { follower, van } = session
  if (follower === undefined) return undefined
  const { patterns } = follower.relay
  const owed = van.broker.transfer.queueOf(follower.relay)
  const consumer = [...session.consumers].find(({ joined }) => joined === follower.relay.membership)
  if (consumer === undefined) return undefined
  file.add(
    Kind.Follower,
    valueRecord({
      ...consumer.state,
      place: consumer.subscription,
      host: follower.host,
      seat: follower.seat,
      patterns: patterns.map(encodePattern),
    }),
  )
  vans.relay(owed, patterns)
  return owed
}

/** A client's place: in a subscription of the file, or in one of another host, by its request. */
function whereOf(van: Van, consumer: RemoteConsumer, vans: VanWriter) {
  const place = placeOf(van, consumer)
  if (place === undefined) {
    const request = consumer.joined && van.reach.names?.requestOf(consumer.joined)
    return request && { request: encodeRequest(request) }
  }
  const { subscription, pattern, prefetch } = place
  const number = vans.numberOf(subscription)
  return number === undefined ? undefined : { number, pattern: encodePattern(pattern), prefetch }
}

function placeOf({ broker }: Van, { joined }: RemoteConsumer): ConsumerPlace | undefined {
  return joined && broker.transfer.placeOf(joined)
}

function* heldOf(open: RemoteConsumer['open']): Generator<Travelling> {
  for (const [number, message] of open) {
    const item = itemOf(message)
    if (item !== undefined) yield { item, number }
  }
}
