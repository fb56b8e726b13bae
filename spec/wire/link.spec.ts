import { expect } from 'chai'
import fc from 'fast-check'
import { ProtocolError } from '../../src/errors.js'
import { ByteWriter } from '../../src/codec/byte-writer.js'
import { beginFrame, FrameKind, readHeader } from '../../src/wire/frames/frames.js'
import { Link } from '../../src/wire/link.js'

/** One side of a link: what it was sent, and the turns of its event loop as the test takes them. */
class Side {
  readonly link: Link
  readonly received: number[] = []
  readonly acked: number[] = []
  /** On their way to the other side. */
  wire: Uint8Array[] = []
  turns: (() => void)[] = []
  /** Frames whose work is not done yet. */
  working: (() => void)[] = []
  isSlow = false
  #next = 1

  constructor() {
    this.link = new Link({
      handle: (_kind, body, number) => {
        if (number === 0) return undefined
        this.received.push(body.varint())
        return this.isSlow ? new Promise<void>(resolve => this.working.push(resolve)) : undefined
      },
      acked: number => void this.acked.push(number),
      flush: () => undefined,
      endOfTurn: run => void this.turns.push(run),
    })
  }

  get sent(): number {
    return this.#next - 1
  }

  send(size = 0): void {
    const writer = beginFrame(new ByteWriter())
    writer.varint(this.#next++)
    writer.raw(new Uint8Array(size))
    this.link.send(FrameKind.Call, writer.take())
  }

  /** A frame is copied as it leaves: what is in flight must not change when it is sent again. */
  attach(received: number): void {
    this.link.attach(received, frame => void this.wire.push(Uint8Array.from(frame)))
  }

  turn(): void {
    for (const run of this.turns.splice(0)) run()
  }
}

class Pair {
  readonly a = new Side()
  readonly b = new Side()

  connect(): void {
    // Both say what they have, and each attaches with the other's word, as in the handshake.
    const [a, b] = [this.a.link.received, this.b.link.received]
    this.a.attach(b)
    this.b.attach(a)
  }

  /** What is on its way is lost. */
  cut(): void {
    for (const side of [this.a, this.b]) {
      side.link.detach()
      side.wire = []
    }
  }

  pass(from: Side, to: Side, count: number): void {
    for (const frame of from.wire.splice(0, count)) to.link.receive(frame)
  }

  settle(): void {
    for (let rounds = 0; rounds < 1_000; rounds++) {
      this.pass(this.a, this.b, Infinity)
      this.pass(this.b, this.a, Infinity)
      this.a.turn()
      this.b.turn()
      if (this.a.wire.length + this.b.wire.length + this.a.turns.length + this.b.turns.length === 0) return
    }
    throw new Error('it does not come to rest')
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

type Step =
  | { do: 'send'; side: 'a' | 'b'; size: number }
  | { do: 'pass'; side: 'a' | 'b'; count: number }
  | { do: 'turn'; side: 'a' | 'b' }
  | { do: 'cut' }

const side = fc.constantFrom('a' as const, 'b' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      side,
      size: fc.constantFrom(0, 0, 0, 2_000_000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('pass' as const), side, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const), side }) },
  { weight: 1, arbitrary: fc.constant({ do: 'cut' as const }) },
)

describe('a link', () => {
  it('delivers each frame once and in order, whatever is cut when, and learns of all', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const pair = new Pair()
        pair.connect()
        for (const each of steps) {
          if (each.do === 'cut') {
            pair.cut()
            pair.connect()
          } else if (each.do === 'send') pair[each.side].send(each.size)
          else if (each.do === 'turn') pair[each.side].turn()
          else if (each.side === 'a') pair.pass(pair.a, pair.b, each.count)
          else pair.pass(pair.b, pair.a, each.count)
        }
        pair.settle()
        expect(pair.b.received).to.deep.equal(upTo(pair.a.sent))
        expect(pair.a.received).to.deep.equal(upTo(pair.b.sent))
        for (const { link, acked } of [pair.a, pair.b]) {
          expect(link.retained).to.deep.equal([])
          expect([...acked].sort((x, y) => x - y)).to.deep.equal(acked)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('drops a frame that comes twice', () => {
    const { a, b } = new Pair()
    a.attach(0)
    b.attach(0)
    a.send()
    const [frame] = a.wire
    if (frame === undefined) throw new Error('nothing was sent')
    b.link.receive(frame)
    b.link.receive(frame)
    expect(b.received).to.deep.equal([1])
  })

  it('acknowledges what is being worked on when the work is done, and in order', async () => {
    const pair = new Pair()
    pair.b.isSlow = true
    pair.connect()
    pair.a.send()
    pair.a.send()
    pair.settle()
    expect(pair.b.received).to.deep.equal([1, 2])
    expect(pair.a.acked).to.deep.equal([])
    pair.b.working[1]?.()
    await Promise.resolve()
    pair.settle()
    expect(pair.a.acked).to.deep.equal([])
    pair.b.working[0]?.()
    await Promise.resolve()
    pair.settle()
    expect(pair.a.acked).to.deep.equal([2])
  })

  it('keeps no more on its way than its window, however much is sent', () => {
    const pair = new Pair()
    pair.connect()
    for (let i = 0; i < 100; i++) pair.a.send(1_000_000)
    expect(pair.a.wire.length).to.be.within(4, 6)
    pair.settle()
    expect(pair.b.received).to.deep.equal(upTo(100))
  })

  it('does not acknowledge a frame while an outcome for it is unsent', () => {
    const pair = new Pair()
    pair.connect()
    // The window of b is full: what b says next waits, and so must its acknowledgement.
    for (let i = 0; i < 6; i++) pair.b.send(1_000_000)
    pair.a.send()
    pair.pass(pair.a, pair.b, 1)
    pair.b.send()
    pair.b.turn()
    const [, ...rest] = pair.b.wire
    expect(rest).not.to.be.empty
    pair.settle()
    expect(pair.a.acked).to.deep.equal([1])
    expect(pair.a.received).to.deep.equal(upTo(7))
  })

  it('does not acknowledge, in a frame that it sends again, a frame that was finished after the first try', () => {
    const pair = new Pair()
    pair.connect()
    pair.b.send()
    pair.pass(pair.a, pair.b, Infinity)
    pair.a.send()
    pair.pass(pair.a, pair.b, Infinity)
    // The first frame of b is lost. Meanwhile b is done with what a sent.
    pair.cut()
    pair.connect()
    const [again] = pair.b.wire
    if (again === undefined) throw new Error('nothing was sent again')
    expect(readHeader(again)).to.include({ number: 1, acked: 0 })
    pair.settle()
    expect(pair.a.acked).to.deep.equal([1])
  })

  it('refuses impossible acknowledgements', () => {
    const { a } = new Pair()
    a.attach(0)
    const frame = (number: number, received: number, acked: number): Uint8Array => {
      const other = new Side()
      other.attach(0)
      for (let i = 0; i < number; i++) other.send()
      const bytes = other.wire[number - 1]
      if (bytes === undefined) throw new Error('nothing was sent')
      bytes[7] = received
      bytes[13] = acked
      return bytes
    }
    expect(() => a.link.receive(frame(2, 0, 0)), 'a gap').to.throw(ProtocolError)
    expect(() => a.link.receive(frame(1, 1, 0)), 'received what was never sent').to.throw(ProtocolError)
    expect(() => a.link.receive(frame(1, 0, 1)), 'acked before received').to.throw(ProtocolError)
    expect(() => a.attach(5), 'resumes with what was never sent').to.throw(ProtocolError)
    a.link.receive(frame(1, 0, 0))
    expect(a.received).to.deep.equal([1])
  })
})
