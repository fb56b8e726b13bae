import { expect } from 'chai'
import { Encoding } from '../../../src/codec/encoding.js'
import { Outbox } from '../../../src/client/outbox/outbox.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Link } from '../../../src/wire/link.js'

describe('the outbox of a host that passes on what others published', () => {
  const open = () => {
    const link = new Link({
      handle: () => undefined,
      acked: () => undefined,
      flush: () => outbox.flush(),
      endOfTurn: run => run(),
    })
    const outbox: Outbox = new Outbox(link, { maxMessages: 10, maxBytes: 1_000_000, maxPayload: 1_000 })
    let held = 0
    const promise = outbox.passOn(
      new Envelope('p', 1, 't', noHeaders, 0, new Uint8Array(3), 3, Encoding.Bytes),
    )
    expect(promise).not.to.equal(undefined)
    if (promise !== undefined) promise.whenHeld = () => (held += 1)
    outbox.flush()
    const { lastNumber } = link
    return { outbox, frame: lastNumber, held: () => held }
  }

  it('relies on the other host for what that holds only once that has acknowledged it, so that its disk has it', () => {
    const { outbox, frame, held } = open()
    outbox.outcome({ frame, entries: [{ index: 0, outcome: 'held' }] })
    expect(held()).to.equal(0)
    outbox.acked(frame)
    expect(held()).to.equal(1)
  })

  it('does so also when it hears first of the acknowledgement, and then that it is held', () => {
    const { outbox, frame, held } = open()
    outbox.outcome({ frame, entries: [{ index: 0, outcome: 'held' }] })
    outbox.acked(frame)
    outbox.outcome({ frame, entries: [{ index: 0, outcome: 'held' }] })
    expect(held()).to.equal(2)
    expect(outbox.size).to.equal(0)
  })
})
