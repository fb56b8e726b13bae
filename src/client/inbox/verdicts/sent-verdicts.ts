import type { DeliveryMemory } from './delivery-memory.js'

interface Settled {
  readonly memory: DeliveryMemory
}

interface SentFrame {
  readonly number: number
  readonly settled: readonly Settled[]
}

/** Frames with verdicts that the host has not confirmed, each with the subscriptions that it settles for. */
export class SentVerdicts {
  #frames: SentFrame[] = []
  /** The host could not write verdicts of these subscriptions. The next frame that it writes confirms them, too. */
  readonly #unwritten = new Set<Settled>()

  add(number: number, settled: readonly Settled[]): void {
    for (const { memory } of settled) memory.sent(number)
    this.#frames.push({ number, settled })
  }

  /** The host could not write the verdicts of the frames up to this one. */
  unwrittenThrough(number: number): void {
    for (const { settled } of this.#take(number)) for (const each of settled) this.#unwritten.add(each)
  }

  /** The host has handled all frames up to this one. */
  confirmedThrough(number: number): void {
    const frames = this.#take(number)
    for (const frame of frames) for (const { memory } of frame.settled) memory.confirmed(frame.number)
    const last = frames.at(-1)
    if (last === undefined || this.#unwritten.size === 0) return
    for (const { memory } of this.#unwritten) memory.confirmed(last.number)
    this.#unwritten.clear()
  }

  clear(): void {
    this.#frames = []
    this.#unwritten.clear()
  }

  #take(through: number): readonly SentFrame[] {
    const later = this.#frames.findIndex(({ number }) => number > through)
    return later === 0 ? [] : this.#frames.splice(0, later < 0 ? this.#frames.length : later)
  }
}
