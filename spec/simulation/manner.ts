import type { Random } from './random.js'

/** How a consumer consumes. */
export interface Manner {
  /** `auto`: settled when `next` returns. `manual`: by the verbs. `loop`: `for await`. The others are pipelines with that operator. */
  readonly style: 'auto' | 'manual' | 'handle' | 'retry' | 'take' | 'creation' | 'combined' | 'loop'
  /** How likely a message fails: by a throw, a nack, an error of its work. */
  readonly failing: number
  /** How likely it is rejected (`manual`). */
  readonly rejecting: number
  /** How likely it is never settled, until its consumer is told to (`manual`). */
  readonly holding: number
  /** A verdict, or the work on a message, takes up to so many milliseconds. */
  readonly slowness: number
  /** How likely it publishes something from inside `next`. */
  readonly publishing: number
  /** How likely it unsubscribes from inside `next`. */
  readonly leaving: number
  /** How likely its process dies inside `next`. */
  readonly dying: number
}

/** Consumes as it should: what everybody does in the end. */
export const goodManner: Manner = {
  style: 'auto',
  failing: 0,
  rejecting: 0,
  holding: 0,
  slowness: 0,
  publishing: 0,
  leaving: 0,
  dying: 0,
}

/** Which troubles a seed has. Not all at once: some faults hide behind others. */
export interface Troubles {
  readonly failures: boolean
  readonly slowness: boolean
  readonly departures: boolean
  readonly deaths: boolean
}

export function drawManner(random: Random, troubles: Troubles): Manner {
  const { failures, slowness, departures, deaths } = troubles
  const sometimes = (isOn: boolean, most: number) => (isOn && random.chance(0.6) ? random.number() * most : 0)
  return {
    style: random.pick([
      'auto',
      'auto',
      'manual',
      'manual',
      'handle',
      'retry',
      'take',
      'creation',
      'combined',
      'loop',
    ]),
    failing: sometimes(failures, 0.5),
    rejecting: sometimes(failures, 0.2),
    holding: sometimes(slowness, 0.5),
    slowness: slowness ? random.pick([0, 5, 50, 300]) : 0,
    publishing: sometimes(true, 0.2),
    leaving: sometimes(departures, 0.1),
    dying: sometimes(deaths, 0.02),
  }
}
