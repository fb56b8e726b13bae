import { expect } from 'chai'
import type { Bus, Message } from '../../../src/index.js'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, publishAll, register, untilStatus, upTo } from '../../support/messages.js'

describe('restart of a follower without a store', () => {
  let hosts: Convention
  beforeEach(async () => {
    hosts = await Convention.start(1)
  })
  afterEach(() => hosts.clean())

  it('hands over the queue for an absent leader, in order, and reports messages that the leader did not keep for it', async () => {
    const near = hosts.leader.bus()
    const far = hosts.follower().bus()
    const errors = collect(far.errors$)
    await register(near, 'waits', /^t/)
    collect(far.topic(/^u/))
    await far.ready()
    await near.close({ drain: false })
    await hosts.leader.kill()
    await eventually(async () => expect((await far.status()).hosts).to.have.lengthOf(1))
    await publishAll(far, 't', upTo(500))
    await hosts.follower().restart()
    await publishAll(far, 't', upTo(510).slice(500))
    await hosts.leader.start()
    const again = hosts.leader.bus()
    const got = collect(again.topic(/^t/, { name: 'waits' }))
    expect(payloads(await got.first(510))).to.deep.equal(upTo(510))
    expect(got.values.filter(({ redelivered }) => redelivered)).to.deep.equal([])
    await untilStatus(again, 'waits', { pending: 0, inFlight: 0 })
    expect(await errors.first(1)).to.have.lengthOf(1)
    expect(errors.values[0]).to.include({ code: 'MSGVAN_GAP' })
    expect(errors.values[0]).to.have.deep.property('patterns', ['/^u/'])
  })

  it('loses nothing under load in either direction, flags what comes again, and no client hears of a gap', async () => {
    const near = hosts.leader.bus()
    const far = hosts.follower().bus()
    const errors = [near, far].map(bus => collect(bus.errors$))
    const all = [near, far].flatMap((bus, at) => [
      collect(bus.topic(/^t/, { name: `work ${at}` })),
      collect(bus.topic(/^t/)),
    ])
    await Promise.all([near.ready(), far.ready()])
    const load = new Load([near, far])
    await hosts.follower().restart()
    await load.wait(300)
    const sent = await load.end()
    for (const { values } of all) {
      await eventually(() => expect(new Set(payloads(values)).size).to.equal(sent))
      expect(unflagged(values)).to.deep.equal([])
    }
    for (const name of ['work 0', 'work 1'])
      await untilStatus(near, name, { pending: 0, inFlight: 0, failed: 0, deadLettered: 0 })
    for (const { values } of errors) expect(values).to.deep.equal([])
  })
})

/** Publishes on `t` from each of them until it ends. */
class Load {
  #isOver = false
  readonly #running: Promise<number>[]

  constructor(buses: readonly Bus[]) {
    this.#running = buses.map((bus, at) => this.#run(bus, at))
  }

  wait(ms: number): Promise<void> {
    return new Promise(resolve => setTimeout(resolve, ms))
  }

  /** @returns how many were published */
  async end(): Promise<number> {
    this.#isOver = true
    return (await Promise.all(this.#running)).reduce((sum, sent) => sum + sent, 0)
  }

  async #run(bus: Bus, at: number): Promise<number> {
    let sent = 0
    while (!this.#isOver) {
      await Promise.all(upTo(10).map(() => bus.publish('t', `${at}:${(sent += 1)}`)))
      await this.wait(4)
    }
    return sent
  }
}

function unflagged(messages: readonly Message[]): unknown[] {
  const seen = new Set<unknown>()
  return messages.flatMap(({ payload, redelivered }) => {
    const isRepeated = seen.has(payload)
    seen.add(payload)
    return isRepeated && !redelivered ? [payload] : []
  })
}
