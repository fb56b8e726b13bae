import { expect } from 'chai'
import { Encoding } from '../../../src/codec/encoding.js'
import { Seen } from '../../../src/host/backbone/follower/seen.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'

const message = (sequence: number, topic = 't', publisher = 'p'): Envelope =>
  new Envelope(publisher, sequence, topic, noHeaders, 0, undefined, 0, Encoding.Bytes)

/** Marks that outlive a process. */
function marks() {
  const kept = new Map<string, number>()
  const key = (publisher: string, topic: string) => `${publisher} ${topic}`
  return {
    seen: (publisher: string, topic: string) => kept.get(key(publisher, topic)) ?? 0,
    markSeen: (publisher: string, topic: string, sequence: number) => {
      const last = kept.get(key(publisher, topic)) ?? 0
      kept.set(key(publisher, topic), Math.max(last, sequence))
    },
    forgetSeen: (publisher: string, topic: string, sequence: number) => {
      const last = kept.get(key(publisher, topic)) ?? 0
      kept.set(key(publisher, topic), Math.min(last, sequence - 1))
    },
  }
}

describe('how far messages of other hosts have come', () => {
  it('takes what was refused when it comes again, though a later one was taken, and takes it once', () => {
    const seen = new Seen()
    expect(seen.isRepeated(message(1))).to.equal(false)
    seen.refuse(message(2))
    expect(seen.isRepeated(message(3))).to.equal(false)
    expect(seen.has(message(2))).to.equal(false)
    expect(seen.isRepeated(message(2))).to.equal(false)
    for (const sequence of [1, 2, 3]) expect(seen.isRepeated(message(sequence))).to.equal(true)
  })

  it('takes what was noted, and then could not be kept', () => {
    const seen = new Seen()
    for (const sequence of [1, 2, 3, 4]) seen.isRepeated(message(sequence))
    seen.refuse(message(2))
    seen.refuse(message(3))
    const isRepeated = [1, 2, 3, 4].map(sequence => seen.isRepeated(message(sequence)))
    expect(isRepeated).to.deep.equal([true, false, false, true])
  })

  it('keeps the mark below a refused one, so that the next process takes it', () => {
    const kept = marks()
    const seen = new Seen(kept)
    seen.isRepeated(message(1))
    seen.refuse(message(2))
    seen.isRepeated(message(3))
    expect(new Seen(kept).isRepeated(message(2))).to.equal(false)
    expect(new Map([...seen.all()].map(([publisher, topics]) => [publisher, topics.get('t')]))).to.deep.equal(
      new Map([['p', 1]]),
    )
    kept.forgetSeen('p', 't', 2)
    seen.isRepeated(message(2))
    expect(new Seen(kept).has(message(3))).to.equal(true)
  })

  it('keeps the mark of messages taken in order behind a refused one, whose publisher knows', () => {
    const kept = marks()
    const seen = new Seen(kept, { isInOrder: true })
    for (const sequence of [1, 2, 3]) seen.refuse(message(sequence))
    seen.isRepeated(message(4))
    for (const sequence of [5, 6, 7]) seen.refuse(message(sequence))
    seen.isRepeated(message(6))
    const next = new Seen(kept, { isInOrder: true })
    expect([4, 6, 7].map(sequence => next.isRepeated(message(sequence)))).to.deep.equal([true, true, false])
  })

  it('loses none of very many refused ones between others that were taken', () => {
    const seen = new Seen()
    for (let sequence = 1; sequence <= 1_000; sequence += 1)
      if (sequence % 2 === 0) seen.refuse(message(sequence))
      else seen.isRepeated(message(sequence))
    for (let sequence = 2; sequence <= 1_000; sequence += 2)
      expect(seen.isRepeated(message(sequence)), String(sequence)).to.equal(false)
  })

  it('loses none of the refused ones of very many topics', () => {
    const seen = new Seen()
    const topics = Array.from({ length: 3_000 }, (_, at) => `t${at % 300}`)
    topics.forEach((topic, at) => {
      const publisher = `p${Math.floor(at / 300)}`
      seen.refuse(message(2 * at + 1, topic, publisher))
      seen.isRepeated(message(2 * at + 2, topic, publisher))
    })
    topics.forEach((topic, at) => {
      const again = message(2 * at + 1, topic, `p${Math.floor(at / 300)}`)
      expect(seen.isRepeated(again), String(at)).to.equal(false)
    })
  })
})
