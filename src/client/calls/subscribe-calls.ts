import type { MsgvanError } from '../../errors.js'
import { isExposure } from '../../message/topic.js'
import type { SubscribeArgs } from '../../wire/subscription-calls.js'
import type { Inbox } from '../inbox/inbox.js'
import type { Inboxes } from '../inbox/inboxes.js'
import type { Calls } from './calls.js'

/** Asks the host for subscriptions. */
export class SubscribeCalls {
  readonly #calls: Calls
  readonly #inboxes: Inboxes
  readonly #isRefusal: (error: unknown) => boolean

  /** @param isRefusal whether the host refuses this client as a whole by this error */
  constructor(calls: Calls, inboxes: Inboxes, isRefusal: (error: unknown) => boolean) {
    this.#calls = calls
    this.#inboxes = inboxes
    this.#isRefusal = isRefusal
  }

  /** @param isAgain in a new session: the host replays nothing, and goes on where it was if it knows the name */
  subscribe(inbox: Inbox, isAgain = false): void {
    inbox.isConfirmed = false
    this.#call(inbox, isAgain).then(
      () => {
        this.#inboxes.confirm(inbox)
        inbox.verdicts.forgetKept()
      },
      (error: unknown) => {
        // The subscription waits until the host accepts this client.
        if (this.#isRefusal(error)) inbox.isConfirmed = true
        else if (!inbox.hasLeft) this.#inboxes.end(inbox, error as MsgvanError)
      },
    )
  }

  #call(inbox: Inbox, isAgain: boolean): Promise<true> {
    // Its consumer left while there was no session. A name has to be registered all the same.
    const leaveAgain = () => {
      if (inbox.hasLeft) this.#inboxes.leave(inbox, 0, [])
    }
    const { number: subscription, introduction } = inbox
    if (introduction !== undefined) {
      const args = () => ({ subscription, ...introduction() })
      return this.#calls.call('backbone.join', args, leaveAgain, false)
    }
    const isLasting = !isAgain && isLastingName(inbox.request.name)
    return this.#calls.call('subscribe', () => argsOf(inbox, isAgain), leaveAgain, isLasting)
  }
}

function argsOf(inbox: Inbox, isAgain: boolean): SubscribeArgs {
  const { number: subscription, request, endsWithHost, incarnation } = inbox
  const { kept } = inbox.verdicts
  return {
    subscription,
    // In a new session the name exists, and its rules may have changed since.
    request: isAgain ? { ...request, from: undefined, joins: 'keep' } : request,
    endsWithHost,
    settled: kept.length === 0 ? undefined : { verdicts: kept, incarnation },
  }
}

/** The name outlives its consumer. */
function isLastingName(name: string | undefined): boolean {
  return name !== undefined && !isExposure(name)
}
