import { expect } from 'chai'
import { Encoding } from '../../../src/codec/encoding.js'
import { FollowerSession } from '../../../src/host/backbone/leader/follower-session.js'
import { Interests } from '../../../src/host/backbone/interests.js'
import { Seen } from '../../../src/host/backbone/follower/seen.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Link } from '../../../src/wire/link.js'
import { brokerIn, request } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import { RefusedLines } from '../../../src/host/backbone/leader/refused-lines.js'
import { OverflowError, type Bus, type Message } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, upTo } from '../../support/messages.js'

/** So that all that follows from what was just settled has happened. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('a message that a leader refuses for now', () => {
  let leader: HostServer
  let follower: HostServer
  /** The follower waits for it before it joins. */
  let mayJoin: Promise<void>
  const buses: Bus[] = []
  const bus = ({ port }: HostServer): Bus => {
    const made = clientOf(port).bus
    buses.push(made)
    return made
  }
  const startLeader = async (port = 0): Promise<HostServer> =>
    startServer({ port, backbone: options => new Leader(options) })

  beforeEach(async () => {
    mayJoin = Promise.resolve()
    leader = await startLeader()
    follower = await startServer({
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leader.port),
          credential: () => mayJoin.then(() => ({ secret })),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await follower.close()
    await leader.close()
  })

  it('is passed by nothing of its publisher and topic when it was accepted while the leader was away', async function () {
    this.timeout(60_000)
    const [publisher, there] = [bus(follower), bus(leader)]
    const plain = collect(there.topic('t'))
    const narrow = collect(there.topic('t', { overflow: 'error', maxPending: 5, prefetch: 1 }))
    const last = collect(there.topic('last'))
    await Promise.all([there.ready(), publisher.ready()])
    // The follower knows what the leader wants: without that it owes it nothing.
    await eventually(async () => {
      await publisher.publish('last')
      expect(last.values).to.not.have.lengthOf(0)
    })
    const { port } = leader
    let join = (): void => undefined
    mayJoin = new Promise(resolve => (join = resolve))
    await leader.close()
    await eventually(async () => expect((await publisher.status()).hosts).to.have.lengthOf(1))
    const numbers = upTo(60)
    const ballast = new Uint8Array(60_000)
    await Promise.all(numbers.map(n => publisher.publish('t', { n, ballast })))
    leader = await startLeader(port)
    // A subscription without a name misses what comes to the new leader before it.
    await there.ready()
    join()
    const seen = ({ values }: { readonly values: readonly Message[] }) =>
      payloads(values).map(payload => (payload as { n: number }).n)
    await eventually(() => expect(new Set(seen(plain)).size).to.equal(numbers.length), 50_000)
    expect(seen(plain)).to.deep.equal(numbers)
    await eventually(() => expect(seen(narrow)).to.deep.equal(numbers))
  })

  it('is refused with all that comes behind it until the follower knows, also if there is room meanwhile', async () => {
    const broker = brokerIn(new VirtualTime())
    const seen: Message[] = []
    const full = broker.consume(request({ overflow: 'error', maxPending: 1, prefetch: 1 }), {
      isBusy: false,
      next: message => void seen.push(message),
      error: error => expect.fail(String(error)),
      complete: () => undefined,
    })
    const relay = broker.relay({ next: () => undefined, error: () => undefined, complete: () => undefined })
    const link = new Link({
      handle: () => undefined,
      acked: () => undefined,
      flush: () => undefined,
      endOfTurn: run => run(),
    })
    const follower = new FollowerSession(
      {
        client: 'f',
        address: '',
        link,
        relayTo: () => relay,
        failHeldBy: () => undefined,
        takeReplays: () => new Map(),
      },
      relay,
      {
        ...{ id: 'f', pid: 1, version: '0', port: 0, address: '', leader: false },
        ...{ capabilities: {}, uptimeMs: 0 },
      },
      'seat',
      false,
      {
        resume: () => false,
        sessionTtl: 0,
        interests: new Interests(),
        acceptFrom: (from, envelope) => broker.acceptFrom(from, envelope, true),
        awaitRoom: (from, envelope) => broker.awaitRoom(envelope, from),
        seen: new Seen(undefined, { isInOrder: true }),
        wanted: () => undefined,
        warn: text => expect.fail(text),
        attached: () => undefined,
        left: () => undefined,
        request: () => Promise.resolve(),
      },
    )
    const pass = (sequence: number, topic = 't') =>
      follower.accept(
        new Envelope('p', sequence, topic, noHeaders, 0, sequence, 0, Encoding.Value),
        undefined,
      )
    expect([pass(1), pass(2)]).to.deep.equal([undefined, undefined])
    expect(pass(3)).to.be.instanceOf(OverflowError)
    const ackLast = async (): Promise<void> => {
      seen.at(-1)?.ack()
      await turn()
    }
    await ackLast()
    expect(pass(4), 'there is room').to.be.instanceOf(OverflowError)
    expect(pass(5, 'u'), 'another topic').to.equal(undefined)
    follower.refusalReported({ publisher: 'p', topic: 't' }, 7)
    follower.acked(6)
    expect(pass(6)).to.be.instanceOf(OverflowError)
    follower.refusalReported({ publisher: 'p', topic: 't' }, 8)
    follower.acked(8)
    for (const sequence of [3, 4, 6]) {
      expect(pass(sequence)).to.equal(undefined)
      await ackLast()
    }
    expect(payloads(seen)).to.deep.equal([1, 2, 3, 4, 6])
    full.leave('unsubscribe')
  })

  it('is forgotten once the follower knows of the last refusal', () => {
    const lines = new RefusedLines()
    const one = { publisher: 'p', topic: 't' }
    const other = { publisher: 'p', topic: 'u' }
    lines.refused(one, new OverflowError('full'))
    lines.acked(100)
    expect(lines.errorOf(one), 'not told yet').to.be.instanceOf(OverflowError)
    expect(lines.errorOf(other)).to.equal(undefined)
    lines.reported(one, 101)
    lines.refused(one, new OverflowError('full'))
    lines.acked(101)
    expect(lines.errorOf(one), 'refused again since').to.be.instanceOf(OverflowError)
    lines.reported(one, 102)
    lines.acked(101)
    expect(lines.isEmpty).to.equal(false)
    lines.acked(102)
    expect(lines.isEmpty).to.equal(true)
  })
})
