import type { MsgvanError } from '../../errors.js'
import { isExposure } from '../../message/topic.js'
import { encodeVerdicts } from '../../wire/frames/kept-verdicts.js'
import { encodeRequest } from '../../wire/frames/subscription-request.js'
import type { Calls } from './calls.js'
import type { Inbox } from '../inbox/inbox.js'
import type { Inboxes } from '../inbox/inboxes.js'

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
    const subscription = inbox.number
    const { method, args } = inbox.asks ?? { method: 'subscribe', args: () => subscribeArgs(inbox, isAgain) }
    // Its consumer left while there was no session. A name has to be registered all the same.
    const leaveAgain = () => {
      if (inbox.hasLeft) this.#inboxes.leave(inbox, 0, [])
    }
    const isLasting = !isAgain && isLastingName(inbox.request.name)
    this.#calls
      .call(method, () => ({ subscription, ...args() }), leaveAgain, isLasting)
      .then(
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
}

function subscribeArgs({ request, endsWithHost, verdicts, incarnation }: Inbox, isAgain: boolean): object {
  // The name exists, and its rules may have changed since.
  const wanted = isAgain ? { ...request, from: undefined, joins: 'keep' as const } : request
  return {
    request: encodeRequest(wanted),
    ...(endsWithHost ? { endsWithHost: true } : {}),
    ...(verdicts.kept.length === 0 ? {} : { settled: encodeVerdicts(verdicts.kept, incarnation) }),
  }
}

/** The name outlives its consumer. */
function isLastingName(name: string | undefined): boolean {
  return name !== undefined && !isExposure(name)
}
