import { setTimeout as sleep } from 'node:timers/promises'
import { PATIENCE_MS } from '../support/stage.js'
import { HistoryReader } from './history.js'

const LOOK_EVERY_MS = 100

/** Watches the histories as they grow. */
export class Traffic {
  readonly #reader: HistoryReader

  constructor(folder: string) {
    this.#reader = new HistoryReader(folder)
  }

  /** Resolves when a message was done at some subscription that was called after this time. @throws Error when none was */
  async goesOn(since: number): Promise<void> {
    const called = new Set<string>()
    const done = new Set<string>()
    for (
      const giveUp = performance.now() + PATIENCE_MS;
      performance.now() < giveUp;
      await sleep(LOOK_EVERY_MS)
    ) {
      // Files are read one after the other: what was done may be read before its call.
      for (const event of await this.#reader.more()) {
        if (event.at < since) continue
        if (event.what === 'called') called.add(`${event.by}/${event.n}`)
        if (event.what === 'done') done.add(`${event.by}/${event.n}`)
      }
      for (const key of done) if (called.has(key)) return
    }
    throw new Error('waited in vain for traffic to go on')
  }
}
