import { expect } from 'chai'
import { Encoding } from '../../../src/codec/encoding.js'
import { Lobby } from '../../../src/host/backbone/leader/lobby.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { VirtualTime } from '../../support/virtual-time.js'

const mailbox = '$actor/a'
const mail = new Envelope('p', 1, mailbox, noHeaders, 0, undefined, 0, Encoding.Value)

describe('mail for the actors of a host that is gone and comes back', () => {
  it('waits ten seconds each time that the host is gone, whenever it was gone before', async () => {
    const time = new VirtualTime()
    const lobby = new Lobby((ms, run) => {
      const timer = time.schedule(run, ms)
      return () => timer.unsubscribe()
    })
    lobby.expect([mailbox], false)
    time.advance(9_000)
    lobby.arrived(mailbox)
    expect(lobby.wait(mail)).to.equal(undefined)
    lobby.expect([mailbox], false)
    time.advance(9_999)
    const waiting = lobby.wait(mail)
    expect(waiting).not.to.equal(undefined)
    time.advance(1)
    await waiting
    expect(lobby.wait(mail)).to.equal(undefined)
    lobby.close()
  })
})
