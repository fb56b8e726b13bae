import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { MsgvanError } from '../../errors.js'
import { isRequestPattern } from '../../message/pattern.js'
import { isExposure } from '../../message/topic.js'
import type { KeptVerdict } from '../../wire/frames/kept-verdicts.js'
import type { SubscribeArgs } from '../../wire/calls/subscription-calls.js'
import type { Inbox } from '../inbox/inbox.js'
import type { Inboxes } from '../inbox/inboxes.js'
import type { Calls } from './calls.js'
import { Question } from './questions.js'

export interface SubscribeOptions {
  /** Whether the host refuses this client as a whole by this error. */
  isRefusal(error: unknown): boolean
  /** The host has begun a subscription anew that an earlier one had confirmed. */
  begunAnew(request: SubscriptionRequest): void
}

/** Asks the host for subscriptions. */
export class SubscribeCalls {
  readonly #calls: Calls
  readonly #inboxes: Inboxes
  readonly #options: SubscribeOptions

  constructor(calls: Calls, inboxes: Inboxes, options: SubscribeOptions) {
    this.#calls = calls
    this.#inboxes = inboxes
    this.#options = options
  }

  /** @param isAgain in a new session: the host replays nothing, and goes on where it was if it knows the name */
  subscribe(inbox: Inbox, isAgain = false): void {
    inbox.isConfirmed = false
    const answer = this.#call(inbox, isAgain)
    this.#asked(inbox)
    answer.then(
      isWhole => {
        if (!isWhole && this.#inboxes.unnamed().includes(inbox)) this.#options.begunAnew(inbox.request)
        this.#inboxes.confirm(inbox)
      },
      (error: unknown) => {
        inbox.memory.refused(inbox.number)
        // The subscription waits until the host accepts this client.
        if (this.#options.isRefusal(error)) inbox.isConfirmed = true
        else if (!inbox.hasLeft) this.#inboxes.end(inbox, error as MsgvanError)
      },
    )
  }

  #call(inbox: Inbox, isAgain: boolean): Promise<boolean> {
    const askedAgain = () => this.#asked(inbox)
    const { number: subscription, introduction } = inbox
    if (introduction !== undefined) {
      const args = () => ({ subscription, ...introduction() })
      return this.#calls.call('backbone.join', args, askedAgain, false)
    }
    const isLasting = !isAgain && outlivesConsumer(inbox.request)
    return this.#calls.call('subscribe', () => argsOf(inbox, isAgain), askedAgain, isLasting)
  }

  #asked(inbox: Inbox): void {
    // Its consumer left while there was no session. A name has to be registered all the same.
    if (inbox.hasLeft) this.#inboxes.leave(inbox, 0, [])
    else if (inbox.memory.keptFor(inbox.number).some(isDueAtOnce)) inbox.ask(Question.Again)
  }
}

function argsOf(inbox: Inbox, isAgain: boolean): SubscribeArgs {
  const { number: subscription, request, endsWithHost, memory } = inbox
  const verdicts = memory.keptFor(subscription)
  return {
    subscription,
    request: isAgain ? goingOn(request) : request,
    endsWithHost,
    isAgain: isAgain && request.name === undefined,
    settled: verdicts.length === 0 ? undefined : { verdicts, incarnation: memory.incarnation },
  }
}

/** In a new session the name exists, and its rules may have changed since. A replay goes on where it was. */
function goingOn(request: SubscriptionRequest): SubscriptionRequest {
  const again: SubscriptionRequest = { ...request, from: undefined, joins: 'keep' }
  return request.name === undefined && request.from !== undefined ? { ...again, isResumed: true } : again
}

/** It failed, and comes before all others: `retry()` asks for it first. */
function isDueAtOnce({ verdict, delay = 0 }: KeptVerdict): boolean {
  return verdict === 'fail' && delay === 0
}

/** The name outlives its consumer. */
function outlivesConsumer({ name, pattern }: SubscriptionRequest): boolean {
  return name !== undefined && !isExposure(name) && !isRequestPattern(pattern)
}
