import { InvalidOptionError } from '../../errors.js'
import { Fields } from './fields.js'
import type { Verdict } from './settle-frame.js'
import { MAX_INCARNATION } from './subscription-request.js'

/**
 * A verdict on a message, by the message's identity in the van: its host died, or gave the session up, before it had
 * stored the verdict.
 */
export interface KeptVerdict {
  readonly publisher: string
  readonly sequence: number
  /** Of the delivery: a failure counts for this attempt alone. */
  readonly attempt: number
  readonly verdict: Exclude<Verdict['verdict'], 'release' | 'untouched' | 'abandon'>
  readonly error?: string
  readonly delay?: number | undefined
  readonly attempts?: number | undefined
}

/**
 * The most verdicts with one subscription: they must fit beside its request in one frame. Of more, only the newest go.
 */
export const MOST_VERDICTS = 8_192
const MOST_ERRORS = 256
const LONGEST_ERROR = 200
const MOST = Number.MAX_SAFE_INTEGER

/** A consumer's verdicts on deliveries of one subscription. */
export interface KeptVerdicts {
  readonly verdicts: readonly KeptVerdict[]
  /** For a named subscription: its incarnation. */
  readonly incarnation: string | undefined
}

/** Acks, nearly all, as bare numbers of their publishers. */
export function encodeVerdicts(verdicts: readonly KeptVerdict[], incarnation: string | undefined): unknown {
  const acked = new Map<string, number[]>()
  const others: object[] = []
  // Of several verdicts on one message the last one counts.
  const last = new Map(verdicts.map(each => [`${each.publisher}-${each.sequence}`, each]))
  for (const each of [...last.values()].slice(-MOST_VERDICTS)) {
    const { publisher, sequence, attempt, verdict, error = '', delay, attempts } = each
    if (verdict === 'ack') {
      const sequences = acked.get(publisher)
      if (sequences === undefined) acked.set(publisher, [sequence])
      else sequences.push(sequence)
    } else if (others.length < MOST_ERRORS) {
      others.push({
        publisher,
        sequence,
        attempt,
        verdict,
        error: error.slice(0, LONGEST_ERROR),
        ...(delay === undefined ? {} : { delay }),
        ...(attempts === undefined ? {} : { attempts }),
      })
    }
  }
  return {
    ...(incarnation === undefined ? {} : { incarnation }),
    acked: [...acked].map(([publisher, sequences]) => ({ publisher, sequences })),
    others,
  }
}

/** @throws InvalidOptionError */
export function decodeVerdicts(value: unknown): KeptVerdicts {
  const fail = (what: string) => new InvalidOptionError(`A list of earlier verdicts ${what}.`)
  const fields = new Fields(value, fail)
  const acked = fields.list('acked', MOST_VERDICTS).flatMap(each => {
    const of = new Fields(each, fail)
    const publisher = of.text('publisher', 64)
    return of
      .numbers('sequences', 0, MOST, MOST_VERDICTS)
      .map((sequence): KeptVerdict => ({ publisher, sequence, attempt: 0, verdict: 'ack' }))
  })
  if (acked.length > MOST_VERDICTS) throw fail('is too much')
  const others = fields.list('others', MOST_ERRORS).map((each): KeptVerdict => {
    const of = new Fields(each, fail)
    return {
      publisher: of.text('publisher', 64),
      sequence: of.whole('sequence'),
      attempt: of.whole('attempt', 1),
      verdict: of.oneOf('verdict', ['fail', 'reject'] as const),
      error: of.text('error', LONGEST_ERROR),
      delay: of.optional('delay', key => of.number(key, 0, MOST)),
      attempts: of.optional('attempts', key => of.whole(key, 1)),
    }
  })
  const incarnation = fields.optional('incarnation', key => fields.text(key, MAX_INCARNATION))
  return { verdicts: [...acked, ...others], incarnation }
}
