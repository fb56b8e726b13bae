import type { MsgvanError } from '../../errors.js'

/**
 * The promise that `publish()` returns. It makes a real promise when you call `then`: most publishes are never awaited one by
 * one, and a hundred thousand promises a second would cost more than the messages.
 */
export class PublishPromise implements Promise<void> {
  readonly [Symbol.toStringTag] = 'Promise'
  #outcome: 'open' | 'taken' | MsgvanError = 'open'
  #promise: Promise<void> | undefined
  #resolve: (() => void) | undefined
  #reject: ((error: MsgvanError) => void) | undefined
  readonly #refused: ((error: MsgvanError) => void) | undefined
  /** Called when the host has the message for good, and a subscription that matches is full. */
  whenHeld: (() => void) | undefined

  /** @param refused called with the reason when the promise rejects */
  constructor(refused?: (error: MsgvanError) => void) {
    this.#refused = refused
  }

  get isOpen(): boolean {
    return this.#outcome === 'open'
  }

  take(): void {
    if (this.#outcome !== 'open') return
    this.#outcome = 'taken'
    this.#resolve?.()
  }

  refuse(error: MsgvanError): void {
    if (this.#outcome !== 'open') return
    this.#outcome = error
    this.#refused?.(error)
    // Without a handler it makes no real promise, so no unhandled rejection ends the process.
    this.#reject?.(error)
  }

  then<A = void, B = never>(
    fulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#real().then(fulfilled, rejected)
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<void | B> {
    return this.#real().catch(rejected)
  }

  finally(settled?: (() => void) | null): Promise<void> {
    return this.#real().finally(settled)
  }

  #real(): Promise<void> {
    this.#promise ??= this.#make()
    return this.#promise
  }

  #make(): Promise<void> {
    if (this.#outcome === 'taken') return Promise.resolve()
    if (this.#outcome !== 'open') return Promise.reject(this.#outcome)
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }
}
