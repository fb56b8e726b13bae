import { expectTypeOf } from 'expect-type'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { interval, map, Observable } from 'rxjs'
import {
  fromReadable,
  van,
  type AnyTopics,
  type Bus,
  type BusSubject,
  type DisposableSubscription,
  type Message,
  type MessageFields,
  type Messages,
} from '../../src/index.js'

/** What the compiler must say. Built with everything else, never run. */

interface Order {
  id: number
  total: number
}
interface Topics {
  'orders.created': Order
  'orders.count': number
  'lamp.toggled': undefined
  'note.maybe': string | undefined
}

export function typed(bus: Bus<Topics>, topic: string, pattern: RegExp | string): void {
  // By exact name.
  expectTypeOf(bus.topic('orders.created')).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic('orders.count')).toEqualTypeOf<Messages<number>>()
  void bus.publish('orders.created', { id: 1, total: 2 })
  void bus.publish({ topic: 'orders.created', payload: { id: 1, total: 2 } })
  expectTypeOf(bus.subject('orders.created')).toEqualTypeOf<BusSubject<Order>>()

  // @ts-expect-error a wrong payload
  void bus.publish('orders.created', { id: '1', total: 2 })
  // @ts-expect-error a payload with a field missing
  void bus.publish('orders.created', { id: 1 })
  // @ts-expect-error no payload
  void bus.publish('orders.created')
  // @ts-expect-error a wrong payload in a message
  void bus.publish({ topic: 'orders.created', payload: 7 })
  // @ts-expect-error no payload in a message
  void bus.publish({ topic: 'orders.created' })
  // @ts-expect-error a wrong payload in a subject
  bus.subject('orders.created').next(7)

  // A payload that may be undefined may be left out.
  void bus.publish('lamp.toggled')
  void bus.publish({ topic: 'lamp.toggled' })
  // @ts-expect-error a message has its headers itself
  void bus.publish({ topic: 'lamp.toggled' }, { headers: { a: 'b' } })
  void bus.publish('note.maybe')
  void bus.publish('note.maybe', 'text')
  // @ts-expect-error but it is no number
  void bus.publish('note.maybe', 7)

  // Topics that are not listed are open.
  expectTypeOf(bus.topic('elsewhere')).toEqualTypeOf<Messages>()
  void bus.publish('elsewhere', { any: 'thing' })
  void bus.publish('elsewhere')
  void bus.publish({ topic: 'elsewhere' })
  void bus.publish(topic, 7)
  void bus.publish('orders.count', 7, { headers: { trace: '7f' } })
  expectTypeOf(bus.topic(/^orders\./)).toEqualTypeOf<Messages>()
  expectTypeOf(bus.topic<Order>(/^orders\./)).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic<Order>(pattern)).toEqualTypeOf<Messages<Order>>()
}

export function untyped(bus: Bus, pattern: RegExp | string): void {
  expectTypeOf(van()).toEqualTypeOf<Bus>()
  expectTypeOf(van<Topics>()).toEqualTypeOf<Bus<Topics>>()
  expectTypeOf(bus.topic('t')).toEqualTypeOf<Messages>()
  expectTypeOf<Message['payload']>().toBeUnknown()
  expectTypeOf(bus.topic<string>('t')).toEqualTypeOf<Messages<string>>()
  expectTypeOf(bus.topic<Order>('t')).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic<Order>(/t/)).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic<Order>(pattern)).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.subject<number>('t')).toEqualTypeOf<BusSubject<number>>()
  void bus.publish('t')
  void bus.publish('t', 7)
  void bus.publish({ topic: 't' })
  void bus.publish({ topic: 't', payload: 7, headers: { a: 'b' } })

  bus.topic('t').subscribe(message => {
    // @ts-expect-error unknown until the caller says otherwise
    const length: number = message.payload
    return length
  })
  // @ts-expect-error headers are text
  void bus.publish('t', 1, { headers: { n: 1 } })
  // @ts-expect-error a topic is a string
  void bus.publish(7, 1)
  // @ts-expect-error a pattern is a RegExp or a string
  bus.topic(7)
}

export function remoteObservables(bus: Bus): void {
  expectTypeOf(bus.observe('n')).toEqualTypeOf<Observable<unknown>>()
  expectTypeOf(bus.observe<number, string>('n', 7)).toEqualTypeOf<Observable<string>>()
  expectTypeOf(bus.expose('n', (every: number) => interval(every))).toEqualTypeOf<DisposableSubscription>()
  bus.expose('n', () => Promise.resolve(1))
  bus.expose('n', () => {
    return new Observable(subscriber => interval(1).subscribe(subscriber))
  })
  bus.reply('n', () => {
    return new Observable(subscriber => interval(1).subscribe(subscriber))
  })
  // @ts-expect-error wrong arguments
  bus.observe<number, string>('n', '7')
  // @ts-expect-error a factory, not an Observable
  bus.expose('n', interval(1))
  // @ts-expect-error it gives no Observable
  bus.expose('n', () => 7)
  // @ts-expect-error a name is a string
  bus.observe(7)
}

export async function endings(bus: Bus, { signal }: AbortController): Promise<void> {
  {
    await using own = van({ embedded: true })
    using subscription = own.topic('t', { signal }).subscribe(message => message.ack())
    using exposed = own.expose('n', () => interval(1))
    expectTypeOf(subscription).toEqualTypeOf<DisposableSubscription>()
    expectTypeOf(exposed.closed).toBeBoolean()
  }
  // Still an Observable of messages.
  const topic$: Observable<Message<string>> = bus.topic<string>('t')
  expectTypeOf(topic$.pipe(map(({ payload }) => payload.length))).toEqualTypeOf<Observable<number>>()
  expectTypeOf(bus.topic<string>('t').pipe(map(({ topic }) => topic))).toEqualTypeOf<Observable<string>>()
  await bus.publish('t', 1, { signal })
  await bus.ready({ signal, timeout: 1 })
  await bus.close({ signal })
  expectTypeOf(bus.observe<number, string>('n', 1, { signal })).toEqualTypeOf<Observable<string>>()
  bus.actors.ref('a').ask(1, { signal })
  // @ts-expect-error the signal, not its controller
  bus.topic('t', { signal: new AbortController() })
  // @ts-expect-error the signal, not its controller
  void bus.publish('t', 1, { signal: new AbortController() })
  // @ts-expect-error a message has no signal of its publish
  void bus.publish({ topic: 't', signal })
  // @ts-expect-error no such option
  bus.observe('n', 1, { timeout: 1 })
  // @ts-expect-error null is no signal
  void bus.close({ signal: null })
}

export async function loops(bus: Bus, typedBus: Bus<Topics>, stream: ReadableStream<string>): Promise<void> {
  for await (const message of bus.topic<Order>(/t/)) expectTypeOf(message).toEqualTypeOf<Message<Order>>()
  for await (const { payload } of typedBus.topic('orders.count')) expectTypeOf(payload).toBeNumber()
  expectTypeOf(bus.topic<Order>('t').toReadable()).toEqualTypeOf<ReadableStream<Message<Order>>>()
  expectTypeOf(fromReadable(stream)).toEqualTypeOf<Observable<string>>()
  const piped$ = bus.topic('t').pipe(map(({ topic }) => topic))
  expectTypeOf<Messages>().toExtend<AsyncIterable<Message>>()
  // What was piped is not iterable, nor a stream.
  expectTypeOf(piped$).not.toExtend<AsyncIterable<unknown>>()
  expectTypeOf(piped$).not.toHaveProperty('toReadable')
  // @ts-expect-error a stream, not an Observable
  fromReadable(bus.topic('t'))
}

export function schemas(
  bus: Bus,
  typedBus: Bus<Topics>,
  schema: StandardSchemaV1<unknown, Order>,
  lax: StandardSchemaV1<string, number>,
): void {
  expectTypeOf(bus.topic('t', { schema })).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic(/t/, { schema, name: 'w' })).toEqualTypeOf<Messages<Order>>()
  expectTypeOf(bus.topic('t', { schema: lax })).toEqualTypeOf<Messages<number>>()
  expectTypeOf(typedBus.topic('orders.created', { schema })).toEqualTypeOf<Messages<Order>>()
  // @ts-expect-error no schema at all
  bus.topic('t', { schema: (value: unknown) => value })
}

export function options(bus: Bus): void {
  bus.topic('t', { name: 'w', ack: 'manual', ordered: true, prefetch: 1, attempts: 3, delay: 5 })
  bus.topic('t', {
    ackTimeout: 5,
    maxPending: 5,
    overflow: 'drop-oldest',
    delay: (_error, attempt) => attempt * 100,
  })
  bus.topic('t', { ordered: 'key' })
  bus.topic(/(?<shop>.)/, { name: 'w', ordered: { header: 'x' }, replace: true })
  bus
    .topic(/(?<shop>.)/, { ordered: { group: 'shop' } })
    .subscribe(({ key }) => expectTypeOf(key).toEqualTypeOf<string | undefined>())
  void bus.publish('t', 1, { key: 'k' })
  void bus.publish({ topic: 't', payload: 1, key: 'k' })
  // @ts-expect-error no such order
  bus.topic('t', { ordered: 'topic' })
  // @ts-expect-error a header or a group
  bus.topic('t', { ordered: { key: 'x' } })
  // @ts-expect-error hosts run no function
  bus.topic('t', { ordered: (message: Message) => message.topic })
  // @ts-expect-error a key is a text
  void bus.publish('t', 1, { key: 7 })
  // @ts-expect-error it is only read
  bus.topic('t').subscribe(message => (message.key = 'x'))
  // @ts-expect-error a misspelt option
  bus.topic('t', { atempts: 3 })
  // @ts-expect-error no such value
  bus.topic('t', { ack: 'sometimes' })
  // @ts-expect-error no such rule
  bus.topic('t', { overflow: 'burst' })
  // @ts-expect-error it is a number
  bus.topic('t', { prefetch: '5' })
  // @ts-expect-error a misspelt option
  van({ embeded: true })
  // @ts-expect-error it is a boolean
  van({ embedded: 'yes' })
  // @ts-expect-error a misspelt option
  void bus.close({ drian: false })
  // @ts-expect-error a misspelt option
  void bus.publish('t', 1, { header: {} })
}

/** What a copy of a message has: its data, and not its verbs. */
export function spread(message: Message<Order>): void {
  const copy: MessageFields<Order> = message.toJSON()
  expectTypeOf(copy.id).toEqualTypeOf<string>()
  expectTypeOf(copy.payload).toEqualTypeOf<Order>()
  expectTypeOf(copy).not.toHaveProperty('ack')
  expectTypeOf(copy).not.toHaveProperty('match')
}

interface Services {
  'prices.of': { request: string; reply: number }
  'clock.now': { reply: Date }
  'list.all': { request: undefined; reply: number[] }
}

export function services(bus: Bus<AnyTopics, Services>, open: Bus, pattern: RegExp): void {
  expectTypeOf(van<Topics, Services>()).toEqualTypeOf<Bus<Topics, Services>>()
  expectTypeOf(bus.request('prices.of', 'pens')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(bus.request('prices.of', 'pens', { timeout: 5 })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(bus.request('clock.now')).toEqualTypeOf<Promise<Date>>()
  expectTypeOf(bus.request('list.all')).toEqualTypeOf<Promise<number[]>>()
  // @ts-expect-error a wrong request
  void bus.request('prices.of', 7)
  // @ts-expect-error no request
  void bus.request('prices.of')
  // @ts-expect-error it has no request
  void bus.request('clock.now', 'utc')
  // @ts-expect-error a misspelt option
  void bus.request('prices.of', 'pens', { time: 5 })

  bus.reply('prices.of', ({ payload }) => payload.length)
  bus.reply('prices.of', ({ payload }) => Promise.resolve(payload.length))
  bus.reply('prices.of', () => interval(5))
  bus.reply('list.all', () => [1, 2], { name: 'lists', concurrency: 2 })
  // @ts-expect-error a wrong reply
  bus.reply('prices.of', () => 'free')
  // @ts-expect-error a wrong reply, later
  bus.reply('prices.of', () => Promise.resolve('free'))
  // @ts-expect-error an array is one reply
  bus.reply('prices.of', () => [1])
  // @ts-expect-error the request is a text
  bus.reply('prices.of', ({ payload }: Message<number>) => payload)
  // @ts-expect-error no responder
  bus.reply('prices.of', 7)

  // Remote observables have their types from it, too.
  expectTypeOf(bus.observe('prices.of', 'pens')).toEqualTypeOf<Observable<number>>()
  bus.expose('prices.of', item => interval(item.length))
  // @ts-expect-error wrong arguments
  bus.observe('prices.of', 7)
  // @ts-expect-error wrong values
  bus.expose('prices.of', item => [item])

  // What is not listed is open.
  expectTypeOf(bus.request('elsewhere', 7)).toEqualTypeOf<Promise<unknown>>()
  expectTypeOf(open.request<number>('prices.of', 'pens')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(open.request('prices.of')).toEqualTypeOf<Promise<unknown>>()
  expectTypeOf(bus.reply(pattern, ({ topic }) => topic)).toEqualTypeOf<DisposableSubscription>()
  open.reply('prices.of', (message: Message<string>) => message.payload.length)
}
