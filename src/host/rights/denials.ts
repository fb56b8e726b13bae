import { ForbiddenError } from '../../errors.js'
import type { Right } from './definition.js'

/** Of one principal and one right a line comes so often at most. */
const LOG_EVERY_MS = 10_000
const LONGEST_SHOWN = 200

interface Logged {
  readonly at: number
  untold: number
}

/** Counts denials, and logs the first of each kind at once and the others in sums. */
export class Denials {
  readonly #counts = new Map<Right, number>()
  readonly #logged = new Map<string, Logged>()
  readonly warn: (text: string) => void

  constructor(warn: (text: string) => void) {
    this.warn = warn
  }

  /** How many there were, by right. */
  get counts(): Readonly<Partial<Record<Right, number>>> {
    return Object.fromEntries(this.#counts)
  }

  /** @param what the purpose, such as `the topic "a"` */
  deny(principal: string, right: Right, what: string): ForbiddenError {
    this.#counts.set(right, (this.#counts.get(right) ?? 0) + 1)
    this.#log(principal, right, what)
    return new ForbiddenError(
      `The principal ${principal} lacks the right ${JSON.stringify(right)} for ${shown(what)}. ` +
        'The administrator of this host can give it.',
    )
  }

  /** Bounded: principals are those of the file, and rights are few. */
  #log(principal: string, right: Right, what: string): void {
    const key = `${principal} ${right}`
    const before = this.#logged.get(key)
    const now = performance.now()
    if (before !== undefined && now - before.at < LOG_EVERY_MS) {
      before.untold += 1
      return
    }
    this.#logged.set(key, { at: now, untold: 0 })
    const more = before === undefined || before.untold === 0 ? '' : ` (and ${before.untold} times before)`
    this.warn(`denied: ${principal} lacks the right ${JSON.stringify(right)} for ${shown(what)}${more}`)
  }
}

function shown(what: string): string {
  return what.length > LONGEST_SHOWN ? `${what.slice(0, LONGEST_SHOWN)}…` : what
}
