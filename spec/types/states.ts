import { expectTypeOf } from 'expect-type'
import type { Observable } from 'rxjs'
import type { Bus, SharedState } from '../../src/index.js'

/** What the compiler must say. Built with everything else, never run. */

interface Topics {
  'orders.count': number
}

export function typed(bus: Bus<Topics>, open: Bus): void {
  const count = bus.state('orders.count')
  expectTypeOf(count).toEqualTypeOf<SharedState<number>>()
  expectTypeOf(count.changes$).toEqualTypeOf<Observable<number | undefined>>()
  expectTypeOf(count.get()).toEqualTypeOf<Promise<number | undefined>>()
  expectTypeOf(open.state('any')).toEqualTypeOf<SharedState>()
  expectTypeOf(open.state<string>('any').get()).toEqualTypeOf<Promise<string | undefined>>()
  void count.set(undefined)
  void count.update(value => (value ?? 0) + 1)
  // @ts-expect-error a wrong value
  void count.set('one')
  // @ts-expect-error a wrong result
  void count.update(value => String(value))
  // @ts-expect-error the present value may be missing
  void count.update(value => Math.abs(value))
}
