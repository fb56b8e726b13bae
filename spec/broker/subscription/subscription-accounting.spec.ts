import { expect } from 'chai'
import fc from 'fast-check'
import type { Consumer, LeaveCause, Membership } from '../../../src/bus/contract/broker.js'
import type { Overflow } from '../../../src/bus/contract/subscription-request.js'
import type { LocalBroker } from '../../../src/broker/local-broker.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Encoding } from '../../../src/codec/encoding.js'
import type { Message } from '../../../src/message/message.js'
import { brokerIn, request } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

/** What a consumer does inside `next`. */
type Manner = 'hold' | 'ack' | 'nack' | 'throw' | 'ack-and-leave' | 'leave' | 'had-enough' | 'publish'

type Step =
  | { do: 'publish'; topic: string }
  | { do: 'join'; name: string; manner: Manner; prefetch: number }
  | { do: 'settle'; which: number; verb: 'ack' | 'nack' | 'nack-now' | 'reject' | 'release' | 'untouched' }
  | { do: 'leave'; which: number; cause: LeaveCause }
  | { do: 'break'; which: number; cause: LeaveCause }
  | { do: 'come-back'; which: number }
  | { do: 'wait'; milliseconds: number }

interface Rules {
  overflow: Overflow
  maxPending: number
  ackTimeout: number
  ordered: boolean
}

const causes: LeaveCause[] = ['unsubscribe', 'complete', 'error']

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('publish' as const), topic: fc.constantFrom('a1', 'a2', 'b') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      name: fc.constantFrom('w', 'x', ''),
      manner: fc.constantFrom<Manner>(
        'hold',
        'hold',
        'ack',
        'nack',
        'throw',
        'ack-and-leave',
        'leave',
        'had-enough',
        'publish',
      ),
      prefetch: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(30),
      verb: fc.constantFrom('ack', 'nack', 'nack-now', 'reject', 'release', 'untouched'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('leave' as const),
      which: fc.nat(9),
      cause: fc.constantFrom(...causes),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('break' as const),
      which: fc.nat(9),
      cause: fc.constantFrom(...causes),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('come-back' as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      milliseconds: fc.integer({ min: 1, max: 120 }),
    }),
  },
)

const rules: fc.Arbitrary<Rules> = fc.record({
  overflow: fc.constantFrom<Overflow>('pause', 'drop-oldest', 'drop-newest', 'error'),
  maxPending: fc.integer({ min: 1, max: 6 }),
  ackTimeout: fc.constantFrom(0, 50),
  ordered: fc.boolean(),
})

/** One delivery as the test keeps it. */
interface Open {
  readonly message: Message
  readonly place: Place
  readonly until: number
}

/** A consumer that holds the broker to what it promised it. */
class Place implements Consumer {
  readonly open = new Map<string, Open>()
  membership: Membership | undefined
  isAway = false
  hasLeft = false

  constructor(
    readonly world: World,
    readonly name: string,
    readonly manner: Manner,
    readonly prefetch: number,
  ) {}

  next(message: Message): void {
    const { world } = this
    // The broker would take what is thrown here for a failure of the consumer.
    world.forgetTimedOut()
    world.noted(() => {
      expect(world.handing, 'a next inside a next').to.equal(false)
      expect(this.hasLeft || this.isAway, 'handed to one that has left').to.equal(false)
      world.handed(this, message)
    })
    world.handing = true
    try {
      this.#act(message)
    } finally {
      world.handing = false
      const most = world.rules.ordered ? 1 : this.prefetch
      world.noted(() => expect(this.open.size, 'more than prefetch').to.be.at.most(most))
    }
  }

  #act(message: Message): void {
    if (this.manner === 'publish' && message.attempt === 1 && this.world.published < 60)
      this.world.publish('b')
    if (this.manner === 'ack' || this.manner === 'publish' || this.manner === 'ack-and-leave')
      this.settle(message, 'ack')
    if (this.manner === 'nack') this.settle(message, 'nack')
    if (this.manner === 'ack-and-leave' || this.manner === 'leave') this.leave('unsubscribe', message)
    if (this.manner === 'had-enough') this.leave('complete', message)
    if (this.manner === 'throw') {
      this.open.delete(message.id)
      throw new Error('thrown')
    }
  }

  error(error: unknown): void {
    throw error
  }

  complete(): void {
    this.hasLeft = true
  }

  settle(message: Message, verb: string): void {
    this.world.noted(() => this.#settle(message, verb))
  }

  #settle(message: Message, verb: string): void {
    const isOpen = this.open.get(message.id)?.message === message
    if (isOpen) this.open.delete(message.id)
    if (verb === 'release' || verb === 'untouched') this.world.cameBack = true
    const { membership } = this
    if (membership === undefined) throw new Error('delivered before consume returned')
    const settled =
      verb === 'ack'
        ? message.ack()
        : verb === 'reject'
          ? message.reject('no')
          : verb === 'nack'
            ? message.nack({ delay: 30 })
            : verb === 'nack-now'
              ? message.nack({ delay: 0 })
              : membership.release(message, verb === 'untouched')
    expect(settled, `${verb} on an open delivery`).to.equal(isOpen)
    expect(message.ack(), 'settled twice').to.equal(false)
  }

  /** @param inHand stays with its consumer whatever the cause */
  leave(cause: LeaveCause, inHand?: Message): void {
    if (this.hasLeft) return
    this.hasLeft = true
    this.#goes(cause, inHand)
    this.membership?.leave(cause)
    // With an unnamed subscription goes all that it was owed; what its consumer took along may still be settled.
  }

  breakOff(cause: LeaveCause): void {
    if (this.hasLeft || this.isAway) return
    this.isAway = true
    this.#goes(cause)
    this.membership?.suspend(cause)
  }

  comeBack(): void {
    if (this.hasLeft || !this.isAway) return
    this.isAway = false
    this.membership?.resume(this)
  }

  #goes(cause: LeaveCause, inHand?: Message): void {
    if (cause === 'complete') return
    this.world.cameBack = true
    for (const { message } of [...this.open.values()]) if (message !== inHand) this.open.delete(message.id)
  }
}

class World {
  readonly time = new VirtualTime()
  readonly broker: LocalBroker = brokerIn(this.time)
  readonly places: Place[] = []
  readonly deliveries: Open[] = []
  readonly accepted = new Map<string, number>()
  readonly firsts = new Map<string, Set<string>>()
  readonly lastFirst = new Map<string, number>()
  readonly holding: Promise<void>[] = []
  handing = false
  published = 0
  /** Something was handed out and given back unsettled. */
  cameBack = false
  readonly #complaints: unknown[] = []

  constructor(readonly rules: Rules) {
    for (const [name, pattern] of [
      ['w', /^a/],
      ['x', /./],
    ] as const) {
      // prettier-ignore
      this.broker.replace({ ...this.request(pattern), name })
    }
  }

  request(pattern: RegExp, prefetch = 4096) {
    return request({
      ...this.rules,
      pattern,
      prefetch: this.rules.ordered ? 1 : prefetch,
      attempts: 3,
      delay: 40,
    })
  }

  publish(topic: string): void {
    this.published += 1
    const sequence = this.published
    const envelope = new Envelope('p', sequence, topic, noHeaders, 0, sequence, 0, Encoding.Value)
    const matched = topic === 'b' ? ['x'] : ['w', 'x']
    const count = (by: number) => {
      for (const name of matched) this.accepted.set(name, (this.accepted.get(name) ?? 0) + by)
    }
    // Owed from now on, its publisher waiting or not; one that is refused is nobody's.
    count(1)
    const held = this.broker.accept(envelope)
    if (held !== undefined) this.holding.push(held.catch(() => count(-1)))
  }

  noted(check: () => void): void {
    try {
      check()
    } catch (complaint) {
      this.#complaints.push(complaint)
    }
  }

  handed(place: Place, message: Message): void {
    const key = `${place.name === '' ? `#${this.places.indexOf(place)}` : place.name} ${message.topic}`
    for (const other of this.places) {
      if (other !== place && (other.name === '' || other.name !== place.name)) continue
      const open = other.open.get(message.id)
      if (open !== undefined) {
        expect(open.until, 'handed out twice while open').to.be.at.most(this.time.now())
        other.open.delete(message.id)
      }
    }
    const until = this.rules.ackTimeout === 0 ? Infinity : this.time.now() + this.rules.ackTimeout
    const open = { message, place, until }
    place.open.set(message.id, open)
    this.deliveries.push(open)
    expect(message.attempt, 'more often than `attempts`').to.be.at.most(3)
    const firsts = this.firsts.get(key) ?? new Set()
    this.firsts.set(key, firsts)
    if (firsts.has(message.id)) return
    firsts.add(message.id)
    expect(message.redelivered || message.attempt > 1, 'a first delivery').to.equal(false)
    const sequence = message.payload as number
    expect(sequence, 'first deliveries out of order').to.be.greaterThan(this.lastFirst.get(key) ?? 0)
    this.lastFirst.set(key, sequence)
  }

  join({ name, manner, prefetch }: { name: string; manner: Manner; prefetch: number }): void {
    const place = new Place(this, name, manner, prefetch)
    this.places.push(place)
    const asked = this.request(name === 'w' ? /^a/ : /./, prefetch)
    place.membership = this.broker.consume(name === '' ? asked : { ...asked, name }, place)
  }

  async run(each: Step): Promise<void> {
    if (each.do === 'publish') this.publish(each.topic)
    else if (each.do === 'join') this.join(each)
    else if (each.do === 'wait') this.time.advance(each.milliseconds)
    else if (each.do === 'settle') {
      const delivery =
        this.deliveries[this.deliveries.length - 1 - (each.which % Math.max(1, this.deliveries.length))]
      delivery?.place.settle(delivery.message, each.verb)
    } else {
      const place = this.places[each.which % Math.max(1, this.places.length)]
      if (each.do === 'leave') place?.leave(each.cause)
      else if (each.do === 'break' && place?.name === '') place.breakOff(each.cause)
      else if (each.do === 'come-back' && place?.name === '') place.comeBack()
    }
    await this.quiet()
    this.forgetTimedOut()
    await this.check()
  }

  async quiet(): Promise<void> {
    for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
  }

  forgetTimedOut(): void {
    for (const { open } of this.places) {
      for (const [id, { until }] of open) if (until <= this.time.now()) open.delete(id)
    }
  }

  /** For every message that was accepted exactly one is true, in each named subscription. */
  async check(): Promise<void> {
    if (this.#complaints.length > 0) throw this.#complaints[0]
    const { subscriptions } = await this.broker.control.status()
    for (const name of ['w', 'x']) {
      const status = subscriptions.find(each => each.name === name)
      if (status === undefined) throw new Error(`${name} is gone`)
      const { acked, deadLettered, pending, held, inFlight, dropped, delivered, failed } = status
      expect(acked + deadLettered + pending + held + inFlight + dropped, `the account of ${name}`).to.equal(
        this.accepted.get(name) ?? 0,
      )
      const open = this.places
        .filter(place => place.name === name)
        .reduce((sum, place) => sum + place.open.size, 0)
      expect(inFlight, `open at the consumers of ${name}`).to.equal(open)
      expect(delivered).to.be.at.least(acked + failed + inFlight)
      // What was handed out may come back, full or not; what is new stops at the limit.
      if (!this.cameBack && failed === 0) expect(pending).to.be.at.most(this.rules.maxPending)
    }
    const letters = await this.broker.control.deadLetters().list()
    for (const name of ['w', 'x']) {
      const status = subscriptions.find(each => each.name === name)
      expect(letters.filter(letter => letter.subscription === name)).to.have.lengthOf(
        status?.deadLettered ?? -1,
      )
    }
  }

  /** Everybody goes, and one comes who takes it all. */
  async finish(): Promise<void> {
    for (const place of this.places) {
      place.leave('unsubscribe')
      // What somebody took along by a `complete`, and never settled.
      for (const { message } of [...place.open.values()]) place.settle(message, 'release')
    }
    for (const name of ['w', 'x']) this.join({ name, manner: 'ack', prefetch: 3 })
    for (let waited = 0; waited < 5; waited += 1) {
      this.time.advance(50)
      await this.quiet()
    }
    await Promise.all(this.holding)
    await this.check()
    const { subscriptions } = await this.broker.control.status()
    for (const { pending, held, inFlight, pausing } of subscriptions.filter(
      each => each.name !== undefined,
    )) {
      expect({ pending, held, inFlight, pausing }).to.deep.equal({
        pending: 0,
        held: 0,
        inFlight: 0,
        pausing: false,
      })
    }
    await this.broker.close({ drain: false })
  }
}

describe('settlement', () => {
  it('accounts for every message, hands none out twice, and keeps the order, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(rules, fc.array(step, { maxLength: 60 }), async (chosen, steps) => {
        const world = new World(chosen)
        for (const each of steps) await world.run(each)
        await world.finish()
      }),
      { numRuns: 400 },
    )
  })
})
