/// <reference lib="esnext.disposable" preserve="true" />
import type { Subscription } from 'rxjs'

/** A Subscription for `using`, where the runtime has that: the end of the block unsubscribes. */
export interface DisposableSubscription extends Subscription {
  [Symbol.dispose](): void
}

/** Browsers may not have them. */
const { dispose, asyncDispose }: Partial<Pick<SymbolConstructor, 'dispose' | 'asyncDispose'>> = Symbol

/** Gives a Subscription its member for `using`. */
export function disposable(subscription: Subscription): DisposableSubscription {
  if (dispose !== undefined) Object.defineProperty(subscription, dispose, unsubscribes)
  return subscription as DisposableSubscription
}

const unsubscribes: PropertyDescriptor & ThisType<Subscription> = {
  value(): void {
    this.unsubscribe()
  },
  configurable: true,
  writable: true,
}

/** Gives a class its member for `await using`. */
export function asyncDisposable(prototype: { close(): Promise<void> }): void {
  if (asyncDispose !== undefined) Object.defineProperty(prototype, asyncDispose, closes)
}

const closes: PropertyDescriptor & ThisType<{ close(): Promise<void> }> = {
  value(): Promise<void> {
    return this.close()
  },
  configurable: true,
  writable: true,
}
