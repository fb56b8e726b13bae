import { appendFileSync } from 'node:fs'
import { Actor, type Message } from '../../src/index.js'

/** Writes down what it is told; says who it is. */
export class Writer extends Actor<number | 'who'> {
  readonly #journal: string

  constructor({ journal }: { journal: string }) {
    super()
    this.#journal = journal
  }

  override receive({ payload }: Message<number | 'who'>): number | undefined {
    if (payload === 'who') return process.pid
    appendFileSync(this.#journal, `${payload}\n`)
    return undefined
  }
}
