import type { Membership } from '../../../bus/contract/broker.js'
import type { Message } from '../../../message/message.js'
import type { KeptVerdict } from '../../../wire/frames/kept-verdicts.js'
import type { Verdict } from '../../../wire/frames/settle-frame.js'

/** A client's verdict on one delivery, from a SETTLE frame or from before this session. */
type ClientVerdict = Pick<KeptVerdict, 'error' | 'delay' | 'attempts'> & Pick<Verdict, 'verdict'>

/** Settles a delivery at the broker by its client's verdict. */
export function settleAs(membership: Membership | undefined, message: Message, verdict: ClientVerdict): void {
  if (membership === undefined) return
  switch (verdict.verdict) {
    case 'ack':
      membership.ack(message)
      return
    case 'release':
    case 'untouched':
      membership.release(message, verdict.verdict === 'untouched')
      return
    case 'abandon':
      membership.release(message, false, true)
      return
    case 'reject':
      // The client made this text of the error: it stays unchanged.
      membership.reject(message, verdict.error)
      return
    case 'fail': {
      const { delay, attempts } = verdict
      const retry = {
        ...(delay === undefined ? {} : { delay }),
        ...(attempts === undefined ? {} : { attempts }),
      }
      membership.fail(message, verdict.error, retry)
    }
  }
}
