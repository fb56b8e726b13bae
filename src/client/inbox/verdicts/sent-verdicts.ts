import type { DeliveryMemory } from './delivery-memory.js'

type Settled = readonly { readonly memory: DeliveryMemory }[]

/** Frames with verdicts that the host has not confirmed, each with the subscriptions that it settles for. */
export class SentVerdicts {
  #frames: { readonly number: number; readonly settled: Settled }[] = []

  add(number: number, settled: Settled): void {
    for (const { memory } of settled) memory.sent(number)
    this.#frames.push({ number, settled })
  }

  /** The host has handled all frames up to this one. */
  confirmedThrough(number: number): void {
    let done = 0
    for (const frame of this.#frames) {
      if (frame.number > number) break
      done += 1
      for (const { memory } of frame.settled) memory.confirmed(frame.number)
    }
    if (done > 0) this.#frames.splice(0, done)
  }

  clear(): void {
    this.#frames = []
  }
}
