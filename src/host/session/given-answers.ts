import { unknownOutcome } from '../../errors.js'
import { traitsOf } from '../../wire/calls/calls.js'
import type { Call } from '../../wire/frames/control-frames.js'
import { RecentMap } from '../van/recent-map.js'

/** The most answers that it remembers. */
const MOST_ANSWERS = 10_000

/** A client, as no other can name itself. */
interface Caller {
  readonly van: { readonly name: string }
  readonly publisherKey: string
}

/**
 * The answers to calls that have another result when they are carried out again: a client that lost its session before
 * it had one asks again, and gets that one. The next host process does not have them.
 */
export class GivenAnswers {
  readonly #answers = new RecentMap<string, Promise<unknown>>({ max: MOST_ANSWERS })

  /**
   * @param carryOut carries the call out
   * @throws HostUnreachableError: it is unknown whether the call was carried out
   */
  answer({ van, publisherKey }: Caller, call: Call, carryOut: () => Promise<unknown>): Promise<unknown> {
    const { id, method, args, isAgain } = call
    const { isDoneOnce, mayBeDone } = traitsOf(method)
    const isOnce = typeof isDoneOnce === 'function' ? isDoneOnce(args) : isDoneOnce === true
    if (!isOnce && mayBeDone !== true) return carryOut()
    const key = `${van.name} ${publisherKey} ${id}`
    const before = isAgain === true ? this.#answers.get(key) : undefined
    if (before !== undefined) return before
    if (isAgain === true && isOnce) return Promise.reject(lost())
    const answer = isAgain === true ? carryOut().then(orLost) : carryOut()
    this.#answers.set(key, answer)
    return answer
  }
}

/** Nothing is left to do: the first one may have done it. */
function orLost(answer: unknown): unknown {
  if (answer === false) throw lost()
  return answer
}

function lost(): Error {
  return unknownOutcome('The session with the host was lost before it answered')
}
