import { InvalidOptionError } from '../errors.js'

/**
 * The place where a subscription begins in the log of a host with a store: its `'start'`, the newest message of each
 * topic (`'last'`), a place in the van's log (a number, see `status().log`), a time, or the last n messages that match.
 */
export type ReplayFrom = 'start' | 'last' | number | Date | { readonly last: number }

/** The host's form of it: everything after a place, and before that a few single messages. */
export class ReplayStart {
  constructor(
    readonly after: number,
    readonly first: readonly number[] = [],
  ) {}
}

/** @throws InvalidOptionError */
export function checkReplayFrom(from: unknown): asserts from is ReplayFrom {
  if (from === 'start' || from === 'last' || isWhole(from, 0)) return
  if (from instanceof Date && !Number.isNaN(from.getTime())) return
  if (typeof from === 'object' && from !== null && 'last' in from && isWhole(from.last, 1)) return
  throw new InvalidOptionError(
    "from is 'start', 'last', a place in the log (a whole number), a Date, or { last: n } for the last n messages.",
  )
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least
}
