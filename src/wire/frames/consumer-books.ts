import { Fields } from './fields.js'

/** A client's account of one subscription, which it sends when its host asks. */
export interface ConsumerBooks {
  readonly subscription: number
  /** Received, and not handed out yet. */
  readonly line: number
  /** Handed out and not settled. */
  readonly open: number
  /** Of these, the number that wait inside `handle` for a free place. */
  readonly waiting: number
  /** Free places of `handle`. */
  readonly places: number
  /** The consumer takes messages: its pipeline is there, and it does not wait for an answer of the host. */
  readonly takes: boolean
  /** It waits for an answer of the host before it takes more. */
  readonly asks: boolean
}

/** @throws by `fields` */
export function decodeBooks(fields: Fields): ConsumerBooks {
  return {
    subscription: fields.whole('subscription', 1),
    line: fields.whole('line'),
    open: fields.whole('open'),
    waiting: fields.whole('waiting'),
    places: fields.whole('places'),
    takes: fields.flag('takes'),
    asks: fields.flag('asks'),
  }
}
