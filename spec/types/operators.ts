import { expectTypeOf } from 'expect-type'
import { of, type Observable } from 'rxjs'
import {
  backoff,
  handle,
  mqtt,
  publishTo,
  wildcard,
  type Bus,
  type Message,
  type Messages,
} from '../../src/index.js'

interface Order {
  id: number
}

export function results(bus: Bus, orders$: Observable<Message<Order>>): void {
  expectTypeOf(orders$.pipe(handle(async message => message.payload.id))).toEqualTypeOf<Observable<number>>()
  expectTypeOf(orders$.pipe(handle(message => of(message.payload)))).toEqualTypeOf<Observable<Order>>()
  expectTypeOf(orders$.pipe(handle(message => [message.topic]))).toEqualTypeOf<Observable<string>>()
  expectTypeOf(orders$.pipe(publishTo(bus, 't'))).toEqualTypeOf<Observable<Message<Order>>>()
  expectTypeOf(of(1).pipe(publishTo(bus, n => `t${n.toFixed()}`))).toEqualTypeOf<Observable<number>>()
  orders$
    .pipe(handle(() => undefined, { concurrency: 8, attempts: 5, delay: backoff({ initial: 100 }) }))
    .subscribe()

  // @ts-expect-error a misspelt option
  orders$.pipe(handle(() => 1, { concurency: 8 }))
  // @ts-expect-error a misspelt option
  backoff({ inital: 100 })
  // @ts-expect-error a topic is a string
  orders$.pipe(publishTo(bus, () => 7))
}

export function wildcards(bus: Bus): void {
  expectTypeOf(wildcard('orders.>')).toEqualTypeOf<RegExp>()
  expectTypeOf(mqtt('orders/#')).toEqualTypeOf<RegExp>()
  expectTypeOf(bus.topic<Order>(wildcard('orders.>'))).toEqualTypeOf<Messages<Order>>()
  // @ts-expect-error a wildcard is a string
  wildcard(/orders/)
  // @ts-expect-error a wildcard is a string
  mqtt()
}

export function verbs(message: Message<Order>): void {
  expectTypeOf(message.ack()).toBeBoolean()
  expectTypeOf(message.nack({ delay: 5 })).toBeBoolean()
  expectTypeOf(message.reject('why')).toBeBoolean()
  expectTypeOf(message.match).toEqualTypeOf<RegExpExecArray | null>()
  // @ts-expect-error a misspelt option
  message.nack({ dely: 5 })
  // @ts-expect-error a message does not change
  message.topic = 'other'
  // @ts-expect-error nor do its headers
  message.headers['a'] = 'b'
}
