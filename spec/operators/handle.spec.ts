import { expect } from 'chai'
import fc from 'fast-check'
import { EMPTY, Observable, Subject, type Subscription } from 'rxjs'
import { Inboxes } from '../../src/client/inbox/inboxes.js'
import type { Inbox } from '../../src/client/inbox/inbox.js'
import { Envelope } from '../../src/message/envelope.js'
import { Encoding } from '../../src/codec/encoding.js'
import { handle, type Message } from '../../src/index.js'

const request = {
  pattern: 't',
  name: 'w',
  ordered: false,
  prefetch: 200_000,
  attempts: 5,
  // What fails does not come again before the end.
  delay: 60_000,
  ackTimeout: 0,
  maxPending: 1_000_000,
  maxPendingBytes: 1_000_000_000,
  overflow: 'pause',
} as const

/** `handle` behind a real inbox. The spec decides which messages arrive, which lapse and which work ends. */
class Stand {
  readonly running: { readonly number: number; readonly work: Subject<never> }[] = []
  /** Numbers of deliveries whose work began though they were somebody else's by then. */
  readonly stolen: number[] = []
  readonly errors: unknown[] = []
  workEndsAtOnce = false
  /** How much work ended at once. */
  ended = 0
  readonly #inbox: Inbox
  readonly #subscription: Subscription
  readonly #concurrency: number
  #number = 0
  #lapsedThrough = 0
  /** What is published goes on counting when a new session begins its numbers anew. */
  #sequence = 0
  #taken = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
    const inboxes = new Inboxes({
      wake: () => queueMicrotask(() => inboxes.flush()),
      send: () => 0,
      sayHere: () => undefined,
    })
    let inbox: Inbox | undefined
    const topic$ = new Observable<Message>(subscriber => {
      inbox = inboxes.open(request, {
        next: message => subscriber.next(message),
        error: error => subscriber.error(error),
        complete: () => subscriber.complete(),
      })
      return () => inbox?.membership.leave('unsubscribe')
    })
    this.#subscription = topic$
      .pipe(handle(message => this.#begin(message), { concurrency }))
      .subscribe({ error: error => this.errors.push(error) })
    if (inbox === undefined) throw new Error('handle did not subscribe')
    this.#inbox = inbox
  }

  #begin(message: Message): Observable<never> {
    const number = Number(message.headers['sequence'])
    if (number <= this.#taken) this.stolen.push(number)
    if (this.workEndsAtOnce) {
      this.ended += 1
      return EMPTY
    }
    const work = new Subject<never>()
    this.running.push({ number, work })
    return work
  }

  deliver(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#sequence += 1
      const headers = { sequence: String(this.#sequence) }
      const envelope = new Envelope('p', this.#sequence, 't', headers, 0, i, 0, Encoding.Value)
      this.#number += 1
      this.#inbox.deliver({
        subscription: 1,
        number: this.#number,
        attempt: 1,
        redelivered: false,
        envelope,
      })
    }
    this.#inbox.pump()
  }

  /** The host has given these, of what is open from the oldest on, to others. */
  lapse(count: number): void {
    this.#lapsedThrough = Math.min(this.#number, this.#lapsedThrough + count)
    this.#taken = Math.max(this.#taken, this.#sequence - this.#number + this.#lapsedThrough)
    this.#inbox.lapsed(this.#lapsedThrough)
  }

  loseSession(): void {
    this.#taken = this.#sequence
    this.#number = 0
    this.#lapsedThrough = 0
    this.#inbox.reset()
  }

  finish(at: number, fails: boolean): void {
    const [one] = this.running.splice(at % Math.max(1, this.running.length), 1)
    if (fails) one?.work.error(new Error('failed'))
    else one?.work.complete()
  }

  /** All that still runs ends; then as many begin as there are places. */
  async placesInTheEnd(): Promise<number> {
    while (this.running.length > 0) {
      this.finish(0, false)
      await turn()
    }
    this.deliver(this.#concurrency * 2)
    await turn()
    return this.running.length
  }

  end(): void {
    this.#subscription.unsubscribe()
  }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

const act = fc.oneof(
  fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ kind: fc.constant('lapse' as const), count: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ kind: fc.constant('lose' as const), count: fc.constant(0) }),
  fc.record({ kind: fc.constant('finish' as const), count: fc.nat(20) }),
  fc.record({ kind: fc.constant('fail' as const), count: fc.nat(20) }),
)

describe('the places of handle', () => {
  it('are all free in the end, however many messages lapse and in any order; no lapsed message begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(act, { maxLength: 20 }),
        async (places, acts) => {
          const stand = new Stand(places)
          for (const { kind, count } of acts) {
            if (kind === 'deliver') stand.deliver(count)
            else if (kind === 'lapse') stand.lapse(count)
            else if (kind === 'lose') stand.loseSession()
            else stand.finish(count, kind === 'fail')
            await turn()
          }
          expect(await stand.placesInTheEnd()).to.equal(places)
          expect(stand.stolen).to.deep.equal([])
          expect(stand.errors).to.deep.equal([])
          stand.end()
        },
      ),
      { numRuns: 60 },
    )
  })

  for (const [how, take] of [
    ['a lost session', (stand: Stand) => stand.loseSession()],
    ['a lapse', (stand: Stand) => stand.lapse(100_000)],
  ] as const) {
    it(`are free after ${how} that takes 100,000 away in one go`, async () => {
      const stand = new Stand(4)
      stand.deliver(100_000)
      take(stand)
      expect(await stand.placesInTheEnd()).to.equal(4)
      expect(stand.stolen).to.deep.equal([])
      stand.end()
    })
  }

  it('are free after 100,000 messages that wait and whose work ends at once', async () => {
    const stand = new Stand(1)
    stand.deliver(1)
    stand.workEndsAtOnce = true
    stand.deliver(100_000)
    stand.finish(0, false)
    expect(stand.ended).to.equal(100_000)
    stand.workEndsAtOnce = false
    expect(await stand.placesInTheEnd()).to.equal(1)
    stand.end()
  })
})
