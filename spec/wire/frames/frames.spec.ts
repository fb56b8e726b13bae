import { expect } from 'chai'
import fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { ProtocolError } from '../../../src/errors.js'
import { ByteReader } from '../../../src/codec/byte-reader.js'
import { ByteWriter } from '../../../src/codec/byte-writer.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { decodePayload, encodePayload } from '../../../src/codec/payload.js'
import { readBody } from '../../../src/message/envelope-body.js'
import * as control from '../../../src/wire/frames/control-frames.js'
import { DeliverReader, DeliverWriter, type Delivery } from '../../../src/wire/frames/deliver-frame.js'
import {
  beginFrame,
  bodyOf,
  FrameKind,
  HEADER_BYTES,
  readHeader,
  writeHeader,
} from '../../../src/wire/frames/frames.js'
import { broken, TABLE_BYTES, TABLE_ENTRIES } from '../../../src/wire/protocol.js'
import { PublishReader, PublishWriter, type Sequence } from '../../../src/wire/frames/publish-frame.js'
import {
  readSettlements,
  writeSettlement,
  type Settlement,
  type Verdict,
} from '../../../src/wire/frames/settle-frame.js'
import { ReadingTable, rereading, WritingTable } from '../../../src/wire/frames/string-table.js'

const topic = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const headers = fc.oneof(
  fc.constant(noHeaders),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 })),
)
const number = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.maxSafeNat().map(n => Math.max(1, Math.floor(n / 2))),
)
const when = fc.integer({ min: -1e15, max: 1e15 })
const message = fc.record({ topic, sequence: number, timestamp: when, headers, payload: fc.anything() })

const delivery: fc.Arbitrary<Delivery> = fc
  .record({
    subscription: number,
    number,
    attempt: fc.integer({ min: 1, max: 200 }),
    redelivered: fc.boolean(),
    message,
    publisher: topic,
  })
  .map(({ message: { topic, sequence, timestamp, headers, payload }, publisher, ...rest }) => {
    const body = encodePayload(payload)
    return {
      ...rest,
      envelope: new Envelope(
        publisher,
        sequence,
        topic,
        headers,
        timestamp,
        body,
        body.length,
        Encoding.Bytes,
      ),
    }
  })

const error = fc.string({ unit: 'grapheme', maxLength: 30 })
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ number, verdict: fc.constantFrom('ack', 'release', 'untouched', 'abandon') }),
  fc.record({ number, verdict: fc.constant('reject'), error }),
  fc.record({
    number,
    verdict: fc.constant('fail'),
    error,
    delay: fc.option(fc.double({ min: 0, noNaN: true }), { nil: undefined }),
    attempts: fc.option(fc.nat(), { nil: undefined }),
  }),
)
const settlement: fc.Arbitrary<Settlement> = fc.record({
  subscription: number,
  through: fc.nat(),
  handed: fc.nat(),
  verdicts: fc.array(verdict),
})

function publishFrame(
  messages: readonly (typeof message extends fc.Arbitrary<infer T> ? T : never)[],
  table = new WritingTable(),
): Uint8Array {
  const numbers: Sequence = { last: 0 }
  const writer = new PublishWriter(table, numbers)
  for (const { topic, sequence, timestamp, headers, payload } of messages) {
    numbers.last = sequence - 1
    writer.add(topic, timestamp, headers, payload, Infinity)
  }
  return writer.take()
}

/** One message goes to several subscriptions as a rule: to each its own delivery of the same envelope. */
const deliveries: fc.Arbitrary<Delivery[]> = fc
  .array(fc.tuple(delivery, fc.boolean()), { minLength: 1, maxLength: 8 })
  .map(drawn => {
    let last: Envelope | undefined
    return drawn.map(([each, isSame]) => {
      last = isSame ? (last ?? each.envelope) : each.envelope
      return { ...each, envelope: last }
    })
  })

function deliverFrame(deliveries: readonly Delivery[]): Uint8Array {
  const writer = new DeliverWriter(new WritingTable())
  for (const { subscription, number, envelope, attempt, redelivered } of deliveries)
    writer.add(subscription, number, envelope, attempt, redelivered)
  return writer.take()
}

function settleFrame(settlements: readonly Settlement[]): Uint8Array {
  const writer = new ByteWriter()
  for (const each of settlements) writeSettlement(writer, each)
  return writer.take()
}

function readPublications(
  frame: Uint8Array,
  table: Pick<ReadingTable, 'read'> = new ReadingTable(),
): Envelope[] {
  const reader = new PublishReader(bodyOf(frame), table, 'me')
  const envelopes: Envelope[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) envelopes.push(next)
  return envelopes
}

function readDeliveries(frame: Uint8Array): Delivery[] {
  const reader = new DeliverReader(bodyOf(frame), new ReadingTable())
  const deliveries: Delivery[] = []
  for (let next = reader.next(); next !== undefined; next = reader.next()) deliveries.push(next)
  return deliveries
}

describe('frames', () => {
  it('PUBLISH gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), messages => {
        const read = readPublications(publishFrame(messages)).map(
          ({ topic, sequence, timestamp, headers, body }) => ({
            ...{ topic, sequence, timestamp, headers: { ...headers } },
            payload: decodePayload(body as Uint8Array),
          }),
        )
        expect(read).to.deep.equal(
          messages.map(({ payload, headers, ...rest }) => ({
            ...rest,
            headers: { ...headers },
            payload: structuredClone(payload),
          })),
        )
      }),
    )
  })

  it('PUBLISH looks as docs/protocol.md says', async () => {
    const text = await readFile(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8')
    const example = /^(0a 01 .*)\n(00 00 01 .*)$/m.exec(text)?.slice(1).join(' ') ?? ''
    const bytes = example.match(/\b[0-9a-f]{2}\b(?= |$)/g)?.map(byte => Number.parseInt(byte, 16))
    const writer = new PublishWriter(new WritingTable())
    writer.add('t', 0, noHeaders, 5, 100)
    const frame = writer.take()
    writeHeader(frame, FrameKind.Publish, 1, 0, 0)
    expect([...frame]).to.deep.equal(bytes)
  })

  it('PUBLISH can be read again by who wrote it, whatever was written since', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), fc.array(message), (first, later) => {
        const table = new WritingTable()
        const frame = publishFrame(first, table)
        publishFrame(later, table)
        const again = readPublications(frame, rereading(table))
        expect(again.map(({ topic }) => topic)).to.deep.equal(first.map(({ topic }) => topic))
      }),
    )
  })

  it('PUBLISH is as it was after a payload that cannot be carried', () => {
    const writer = new PublishWriter(new WritingTable())
    writer.add('a', 100, noHeaders, 'first', 1_000)
    expect(() => writer.add('b', 200, noHeaders, () => 1, 1_000)).to.throw()
    expect(() => writer.add('b', 200, noHeaders, 'x'.repeat(2_000), 1_000)).to.throw()
    writer.add('b', 300, noHeaders, 'second', 1_000)
    const read = readPublications(writer.take())
    expect(read.map(({ topic, sequence, timestamp }) => [topic, sequence, timestamp])).to.deep.equal([
      ['a', 1, 100],
      ['b', 2, 300],
    ])
  })

  it('PUBLISH stays whole whatever a payload does while it is read', () => {
    const act = fc.constantFrom('add', 'fail', 'take', 'pass on')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), act, fc.nat(40)), { minLength: 1 }), acts => {
        const sequence: Sequence = { last: 0 }
        const writer = new PublishWriter(new WritingTable(), sequence)
        const frames: Uint8Array[] = []
        const published: unknown[] = []
        let next = 0
        const run = (depth: number): void => {
          const [topic, what, size] = acts[next++] ?? []
          if (topic === undefined || what === undefined) return
          if (what === 'take' && writer.count > 0) frames.push(writer.take())
          if (what === 'pass on') {
            const body = encodePayload(next)
            writer.addBytes(
              new Envelope('other', next, `t${topic}`, noHeaders, 5, body, body.length, Encoding.Bytes),
            )
            published.push(next)
          }
          if (what !== 'add' && what !== 'fail') return
          const name = `${next}`
          const payload = {
            a: 'x'.repeat(size ?? 0),
            name,
            get trap() {
              for (let i = 0; i < 3 && depth < 4; i++) run(depth + 1)
              if (what === 'fail') throw new Error('a getter of the app')
              return [{ name }]
            },
          }
          try {
            writer.add(`t${topic}`, next * 10, noHeaders, payload, Infinity)
            published.push({ a: payload.a, name, trap: [{ name }] })
          } catch (error) {
            expect(what, String(error)).to.equal('fail')
          }
        }
        while (next < acts.length) run(0)
        if (writer.count > 0) frames.push(writer.take())
        const table = new ReadingTable()
        const read = frames.flatMap(frame => {
          const reader = new PublishReader(bodyOf(frame), table, 'me', publisher => publisher)
          const envelopes: Envelope[] = []
          for (let each = reader.next(); each !== undefined; each = reader.next()) envelopes.push(each)
          return envelopes
        })
        expect(read.map(readBody)).to.deep.equal(published)
        const own = read.filter(({ publisher }) => publisher === 'me').map(({ sequence }) => sequence)
        expect(own).to.deep.equal(own.map((_, i) => i + 1))
      }),
    )
  })

  it('DELIVER gives back what was written', () => {
    fc.assert(
      fc.property(deliveries, given => {
        const plain = ({ envelope, ...rest }: Delivery) => {
          const { headers, body, publisher, sequence, topic, timestamp, size, encoding } = envelope
          const fields = { publisher, sequence, topic, timestamp, size, encoding }
          return { ...rest, ...fields, headers: { ...headers }, body: Buffer.from(body as Uint8Array) }
        }
        expect(readDeliveries(deliverFrame(given)).map(plain)).to.deep.equal(given.map(plain))
      }),
    )
  })

  it('SETTLE gives back what was written', () => {
    fc.assert(
      fc.property(fc.array(settlement, { minLength: 1 }), settlements => {
        expect([...readSettlements(bodyOf(settleFrame(settlements)))]).to.deep.equal(settlements)
      }),
    )
  })

  it('SETTLE takes the same room for a thousand acked in turn as for one', () => {
    const of = (through: number) =>
      settleFrame([{ subscription: 1, through, handed: 0, verdicts: [] }]).length
    expect(of(100)).to.equal(of(1))
    expect(of(10_000)).to.be.at.most(of(1) + 1)
  })

  it('control frames give back what was written', () => {
    const wireError = fc.record({ code: error, text: error })
    fc.assert(
      fc.property(
        number,
        fc.array(number),
        error,
        wireError,
        fc.anything(),
        (n, numbers, text, failure, value) => {
          const leave = { subscription: n, handed: n, kept: numbers }
          expect(control.decodeLeave(bodyOf(control.encodeLeave(leave)))).to.deep.equal(leave)
          expect(control.decodeSync(bodyOf(control.encodeSync(n)))).to.equal(n)
          const outcomes = numbers.map((index, i) => ({
            index,
            outcome: [failure, 'held', 'taken'][i % 3] as control.OutcomeEntry['outcome'],
          }))
          expect(
            control.decodeOutcome(bodyOf(control.encodeOutcome({ frame: n, entries: outcomes }))),
          ).to.deep.equal({ frame: n, entries: outcomes })
          const call = { id: n, method: text, args: value }
          expect(control.decodeCall(bodyOf(control.encodeCall(call)))).to.deep.equal({
            ...call,
            args: structuredClone(value),
          })
          for (const reply of [
            { id: n, error: failure },
            { id: n, value },
          ]) {
            expect(control.decodeReply(bodyOf(control.encodeReply(reply)))).to.deep.equal(
              structuredClone(reply),
            )
          }
          for (const ended of [
            { subscription: n, error: failure },
            { subscription: n, error: undefined },
          ]) {
            expect(control.decodeEnded(bodyOf(control.encodeEnded(ended)))).to.deep.equal(ended)
          }
        },
      ),
    )
  })

  it('headers hold numbers of 48 bits', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(FrameKind)),
        fc.nat(2 ** 31),
        fc.integer({ min: 0, max: 2 ** 48 - 1 }),
        (kind, n, big) => {
          const frame = beginFrame(new ByteWriter()).take()
          const own = kind < FrameKind.Publish ? 0 : n + 1
          writeHeader(frame, kind, own, big, n)
          expect(readHeader(frame)).to.deep.equal({ kind, number: own, received: big, acked: n })
        },
      ),
    )
  })
})

const readers: Record<string, (frame: Uint8Array) => unknown> = {
  header: readHeader,
  publish: frame => readPublications(frame),
  deliver: readDeliveries,
  settle: frame => [...readSettlements(bodyOf(frame))],
  leave: frame => control.decodeLeave(bodyOf(frame)),
  sync: frame => control.decodeSync(bodyOf(frame)),
  outcome: frame => control.decodeOutcome(bodyOf(frame)),
  call: frame => control.decodeCall(bodyOf(frame)),
  reply: frame => control.decodeReply(bodyOf(frame)),
  ended: frame => control.decodeEnded(bodyOf(frame)),
}

/** Reads, or refuses with a ProtocolError: nothing else may come out. */
function survives(frame: Uint8Array): void {
  for (const [name, read] of Object.entries(readers)) {
    try {
      read(frame)
    } catch (thrown) {
      expect(thrown, name).to.be.instanceOf(ProtocolError)
    }
  }
}

describe('hostile frames', () => {
  const body = (bytes: Uint8Array): Uint8Array => Buffer.concat([new Uint8Array(HEADER_BYTES), bytes])
  const real = fc.oneof(
    fc.array(message, { minLength: 1, maxLength: 4 }).map(messages => publishFrame(messages)),
    deliveries.map(deliverFrame),
    fc.array(settlement, { minLength: 1, maxLength: 4 }).map(settleFrame),
    fc.anything().map(args => control.encodeCall({ id: 1, method: 'm', args })),
  )

  it('give a ProtocolError or nothing, if they are random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => survives(body(bytes))),
      { numRuns: 1_000 },
    )
  })

  it('give a ProtocolError or nothing, if they are cut off anywhere', () => {
    fc.assert(
      fc.property(real, fc.nat(), (frame, at) => survives(frame.subarray(0, at % (frame.length + 1)))),
      { numRuns: 500 },
    )
  })

  it('give a ProtocolError or nothing, if they are real ones with flipped bytes', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(real, flips, (frame, changes) => {
        const damaged = Uint8Array.from(frame)
        for (const [at, flip] of changes) {
          const place = HEADER_BYTES + (at % Math.max(1, damaged.length - HEADER_BYTES))
          damaged[place] = (damaged[place] ?? 0) ^ flip
        }
        survives(damaged)
      }),
      { numRuns: 1_000 },
    )
  })

  it('are refused before any allocation, if they announce more than they hold', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    for (const prefix of [[], [0], [1, 0], [1, 0, 0], [1, 1], [1, 1, 97], [0, 0, 1, 97, 2, 0]])
      survives(body(Uint8Array.from([...prefix, ...huge])))
  })
})

describe('the string table', () => {
  it('is bounded on both sides alike: texts beyond its bounds are written out, and read all the same', () => {
    const writing = new WritingTable()
    const reading = new ReadingTable()
    const texts = Array.from({ length: 2 * TABLE_ENTRIES }, (_, i) => `topic ${i} ${'x'.repeat(i % 100)}`)
    for (const text of [...texts, ...texts]) {
      const writer = new ByteWriter()
      writing.write(writer, text)
      expect(reading.read(new ByteReader(writer.take(), broken))).to.equal(text)
    }
    expect(writing.size).to.be.within(1_000, TABLE_ENTRIES)
  })

  it('refuses a side that has more remembered than may be', () => {
    const reading = new ReadingTable()
    const announce = (text: string): string => {
      const writer = new ByteWriter()
      writer.u8(0)
      writer.string(text)
      return reading.read(new ByteReader(writer.take(), broken))
    }
    expect(() => {
      for (let i = 0; i <= TABLE_BYTES / 10_000; i++) announce('x'.repeat(10_000))
    }).to.throw(ProtocolError)
  })
})

describe('GAP', () => {
  it('says each kind of subscription by itself, and more flags are refused', () => {
    for (let flags = 0; flags < 8; flags++) {
      const missed = { live: (flags & 1) > 0, replayed: (flags & 2) > 0, named: (flags & 4) > 0 }
      const frame = control.encodeGap(missed)
      expect(control.decodeGap(bodyOf(frame))).to.deep.equal(missed)
    }
    const frame = control.encodeGap({ live: true, replayed: true, named: true })
    frame[HEADER_BYTES] = 8
    expect(() => control.decodeGap(bodyOf(frame))).to.throw(ProtocolError)
  })
})
