import type { Subscription } from '../subscription/subscription.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import type { DurableLog, OutboundLog } from './durable-log.js'
import type { Pause } from '../subscription/backlog/pause.js'
import { StoredEnvelope } from './stored-envelope.js'
import { StoredSubscription } from './stored-subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'

/**
 * Messages for another host, in a log of their own. The broker chose them when it took them over; their topics do not
 * show it later.
 */
export class OutboundSubscription extends StoredSubscription {
  readonly #durableLog: DurableLog

  constructor(
    { durableLog, cursor }: OutboundLog,
    rules: SubscriptionRequest,
    owner: SubscriptionOwner<Subscription>,
  ) {
    const compile = () => ({ test: () => true })
    super({ id: '', request: rules, owner, durableLog, cursor, compile })
    this.#durableLog = durableLog
  }

  override take(envelope: Envelope, pause?: Pause): void {
    const kept = StoredEnvelope.of(envelope)
    this.#durableLog.append(kept)
    super.take(kept, pause)
  }
}
