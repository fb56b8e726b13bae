import { setTimeout as sleep } from 'node:timers/promises'
import { PATIENCE_MS } from '../support/stage.js'
import { readHistory } from './history.js'

const LOOK_EVERY_MS = 100

/** Watches the histories as they grow. */
export class Traffic {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Resolves when a message was done at some subscription that was called after this time. @throws Error when none was */
  async goesOn(since: number): Promise<void> {
    for (
      const giveUp = performance.now() + PATIENCE_MS;
      performance.now() < giveUp;
      await sleep(LOOK_EVERY_MS)
    ) {
      const called = new Set<string>()
      for (const event of await readHistory(this.#folder, since)) {
        if (event.what === 'called') called.add(`${event.by}/${event.n}`)
        if (event.what === 'done' && called.has(`${event.by}/${event.n}`)) return
      }
    }
    throw new Error('waited in vain for traffic to go on')
  }
}
