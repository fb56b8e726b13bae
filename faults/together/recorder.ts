import { Actor, type Message } from '../../src/index.js'
import { History, type Key } from './history.js'

/** An actor that writes down what it is told. */
export class Recorder extends Actor<Key> {
  readonly #history: History
  readonly #sub: string

  constructor({ folder, sub }: { folder: string; sub: string }) {
    super()
    this.#history = new History(folder, `actor-${process.pid}`)
    this.#sub = sub
  }

  override receive({ payload: { by, n }, attempt, redelivered }: Message<Key>): void {
    this.#history.write({ what: 'begun', sub: this.#sub, by, n, attempt, redelivered })
    this.#history.write({ what: 'done', sub: this.#sub, by, n })
  }
}
